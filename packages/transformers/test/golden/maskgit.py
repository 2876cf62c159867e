"""Writes maskgit.msgpack and maskgit.safetensors: weights of a tiny MaskGIT and what its authors' code computes.

The model is maskgit/nets/maskgit_transformer.py of google-research/maskgit at 1db2359 (Apache-2.0 licence), as
maskgit/inference.py there builds and calls it: 3x3 tokens of 13 codes after one token of 5 classes, two blocks. Every
weight is drawn, norms and biases too, which the code starts at 1 and 0.

maskgit.msgpack is what flax.serialization.to_bytes makes of the variables, the format of the published checkpoints.
`inputs` are the sequences that go into a pass without dropout: a class (counted after the codes), and tokens, of which
-1 is the mask. `logits` are those of the codes at the tokens. `greedy` are tokens that are filled in one after the
other in raster order, always the most likely one, from nothing but the class.

Run with jax 0.10.2, flax 0.12.8 and safetensors 0.8.0; the argument is a checkout of the repository. The file is
loaded by its path: the package around it asks for TensorFlow.
    python3 maskgit.py MASKGIT
"""
import importlib.util
import pathlib
import sys

import flax
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

source = pathlib.Path(sys.argv[1]) / "maskgit/nets/maskgit_transformer.py"
specification = importlib.util.spec_from_file_location("maskgit_transformer", source)
maskgit_transformer = importlib.util.module_from_spec(specification)
specification.loader.exec_module(maskgit_transformer)

LENGTH, CLASSES, VOCABULARY, MASK = 9, 5, 13, -1
folder = pathlib.Path(__file__).parent

jax.config.update("jax_default_matmul_precision", "highest")
model = maskgit_transformer.Transformer(
    vocab_size=VOCABULARY + CLASSES + 1,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=LENGTH + 1,
)
inputs = np.array(
    [
        [VOCABULARY, *[MASK] * LENGTH],
        [VOCABULARY + 4, 3, MASK, 12, MASK, 0, 7, MASK, MASK, 1],
        [VOCABULARY + 2, 5, 6, 0, 12, 11, 3, 9, 1, MASK],
    ],
    dtype=np.int32,
)
generator = np.random.default_rng(7)


def draw(path, leaf):
    name = path[-1].key
    noise = generator.normal(scale=0.1 if name == "bias" else 0.4, size=leaf.shape)
    return np.round(noise + (name == "scale"), 3).astype(np.float32)


variables = jax.tree_util.tree_map_with_path(draw, model.init(jax.random.PRNGKey(0), jnp.asarray(inputs)))


def logits_of(sequences):
    """Calls the model as tokens_to_logits of inference.py does; the first position is the class."""
    return np.asarray(model.apply(variables, jnp.asarray(sequences), deterministic=True))[:, 1:, :VOCABULARY]


greedy = inputs.copy()
greedy[:, 1:] = MASK
for position in range(1, LENGTH + 1):
    greedy[:, position] = logits_of(greedy)[:, position - 1].argmax(-1)

(folder / "maskgit.msgpack").write_bytes(flax.serialization.to_bytes(variables))
save_file(
    {"inputs": inputs, "logits": np.ascontiguousarray(logits_of(inputs)), "greedy": np.ascontiguousarray(greedy[:, 1:])},
    folder / "maskgit.safetensors",
)
print(greedy[:, 1:].tolist())
