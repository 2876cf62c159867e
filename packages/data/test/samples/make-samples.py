"""Makes the samples of this folder: pip install lmdb pyarrow pillow; python make-samples.py

Image i has 12x10 pixels of the colour (40 i, 255 - 40 i, 20 i), as a PNG.
"""
import base64
import io
import json
import os
import shutil
import tempfile

import lmdb
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageEnhance, ImageOps

here = os.path.dirname(os.path.abspath(__file__))


def png(i, size=(12, 10)):
    out = io.BytesIO()
    Image.new("RGB", size, (40 * i % 256, 255 - 40 * i % 256, 20 * i % 256)).save(out, "PNG")
    return out.getvalue()


# As the datasets library stores images: a struct of bytes and path, and a class label whose names
# are in the metadata.
image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
features = {
    "image": {"_type": "Image"},
    "label": {"names": ["ant", "bee", "cow"], "_type": "ClassLabel"},
    "caption": {"dtype": "string", "_type": "Value"},
}
schema = pa.schema(
    [("image", image), ("label", pa.int64()), ("caption", pa.string())],
    metadata={"huggingface": json.dumps({"info": {"features": features}})},
)
rows = [
    {
        "image": {"bytes": png(i) if i != 5 else None, "path": f"{i}.png"},
        "label": i % 3 if i != 4 else None,
        "caption": f"picture {i}",
    }
    for i in range(8)
]
table = pa.Table.from_pylist(rows, schema=schema)
pq.write_table(table, os.path.join(here, "hub.parquet"), row_group_size=3, compression="snappy")

# Plain bytes, names and several captions, compressed otherwise, with a page index.
plain = pa.table(
    {
        "jpg": pa.array([png(i) for i in range(4)], pa.binary()),
        "name": ["dog", "cat", "dog", "emu"],
        "texts": pa.array([["one", "two"], ["three"], ["four"], ["five"]], pa.list_(pa.string())),
    }
)
pq.write_table(
    plain, os.path.join(here, "plain.parquet"), row_group_size=2, compression="zstd", write_page_index=True
)

# As LSUN: encoded images under their keys. The last images are larger than a page.
for name, count in (("lsun", 40), ("lsun-empty", 0)):
    with tempfile.TemporaryDirectory() as folder:
        environment = lmdb.open(folder, map_size=2**24)
        with environment.begin(write=True) as transaction:
            for i in range(count):
                value = png(i % 8) + (bytes(6000) if i >= 38 else b"")
                transaction.put(f"{i:040d}".encode(), value)
        environment.close()
        shutil.copy(os.path.join(folder, "data.mdb"), os.path.join(here, f"{name}.mdb"))

# Operations of RandAugment as Pillow has them, on 20x15 pixels.
pixels = bytes((i * i * 7 + i * 13) % 200 + 10 for i in range(20 * 15 * 3))
image = Image.frombytes("RGB", (20, 15), pixels)
operations = {
    "brightness": ImageEnhance.Brightness(image).enhance(1.45),
    "color": ImageEnhance.Color(image).enhance(1.45),
    "contrast": ImageEnhance.Contrast(image).enhance(1.45),
    "sharpness": ImageEnhance.Sharpness(image).enhance(1.45),
    "posterize": ImageOps.posterize(image, 6),
    "solarize": ImageOps.solarize(image, 128),
    "autoContrast": ImageOps.autocontrast(image),
    "equalize": ImageOps.equalize(image),
}
with open(os.path.join(here, "operations.json"), "w") as out:
    images = {"image": image, **operations}
    json.dump({name: base64.b64encode(each.tobytes()).decode() for name, each in images.items()}, out, indent=2)
    out.write("\n")
