"""Writes random.json: an independent implementation of the draws of @vitvq/core (Python standard library only).

Run: python3 random.py > random.json
"""
import json
import statistics
import struct

MASK = 0xFFFFFFFF
ROTATIONS = [(13, 15, 26, 6), (17, 29, 16, 24)]


def threefry(key, counter):
    ks = [key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]]
    x, y = (counter[0] + ks[0]) & MASK, (counter[1] + ks[1]) & MASK
    for block in range(5):
        for r in ROTATIONS[block % 2]:
            x = (x + y) & MASK
            y = (((y << r) | (y >> (32 - r))) & MASK) ^ x
        x = (x + ks[(block + 1) % 3]) & MASK
        y = (y + ks[(block + 2) % 3] + block + 1) & MASK
    return [x, y]


def words(key):
    counter = 0
    while True:
        yield from threefry(key, (0, counter))
        counter += 1


def bits(key, count):
    stream = words(key)
    return [next(stream) for _ in range(count)]


def fold_in(key, data):
    return threefry(key, (data >> 32, data & MASK))


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def below(stream, bound):
    limit = (1 << 32) - (1 << 32) % bound
    word = next(stream)
    while word >= limit:
        word = next(stream)
    return word % bound


def ints(key, count, maximum):
    stream = words(key)
    return [below(stream, maximum) for _ in range(count)]


def permutation(key, length):
    stream = words(key)
    order = list(range(length))
    for last in range(length - 1, 0, -1):
        other = below(stream, last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def normal(key, count, mean, stddev):
    quantile = statistics.NormalDist().inv_cdf  # AS 241
    return [float32(mean + stddev * quantile((word + 0.5) / 2**32)) for word in bits(key, count)]


def uniform(key, count, low, high):
    return [float32(low + (high - low) * ((word >> 8) / 2**24)) for word in bits(key, count)]


def key_of(seed):
    return [seed >> 32, seed & MASK]


cases = []
for seed in (0, 1, 42, 2**32 + 7, 2**53 - 1):
    key = key_of(seed)
    cases.append(
        {
            "seed": seed,
            "key": key,
            "split": [fold_in(key, i) for i in range(3)],
            "foldIn": {"data": 123456789012345, "key": fold_in(key, 123456789012345)},
            "bits": bits(key, 7),
            "uniform": uniform(key, 6, 0, 1),
            "uniformBetween": {"minimum": -3, "maximum": 5, "values": uniform(key, 6, -3, 5)},
            "normal": normal(key, 64, 0, 1),
            "normalWith": {"mean": 1, "stddev": 0.02, "values": normal(key, 6, 1, 0.02)},
            "ints": {"maximum": 10, "values": ints(key, 9, 10)},
            "intsRejecting": {"maximum": 2**31 - 2**29, "values": ints(key, 9, 2**31 - 2**29)},
            "permutation": permutation(key, 13),
        }
    )
print(json.dumps(cases))
