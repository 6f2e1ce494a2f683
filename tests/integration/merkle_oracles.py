"""pymerkle's view of a tree whose entry n is `record n`. Reads {"leaves", "roots", "paths", "proofs"}, answers in the same order.

pymerkle proves consistency by paths of another form than RFC 6962's: from the older tree's last leaf's neighbour up. What it
hashes is the same, so its path is folded here, with its own hasher, to the one that RFC 6962 defines.
"""

import json
import sys

from pymerkle import InmemoryTree


def rfc6962(proof):
    if proof.subset[0] == 1:
        return []
    last = proof.subset.index(1)
    beyond = proof.path[0]
    for digest in proof.path[1:last]:
        beyond = proof.hasher.hash_pair(beyond, digest)
    above = proof.path[last + 1:]
    # The older tree's last complete subtree is left out if it is all of the older tree.
    own = [proof.path[last]] if 1 in proof.subset[last + 1:] else []
    return own + [beyond] + above


asked = json.load(sys.stdin)
tree = InmemoryTree(algorithm="sha256")
for number in range(asked["leaves"]):
    tree.append_entry(b"record %d" % number)

paths = []
for index, size in asked["paths"]:
    proof = tree.prove_inclusion(index + 1, size)
    proof.verify(tree.get_leaf(index + 1), tree.get_root(size))
    paths.append([digest.hex() for digest in proof.path[1:]])

proofs = []
for old, new in asked["proofs"]:
    proof = tree.prove_consistency(old, new)
    proof.verify(tree.get_root(old), tree.get_root(new))
    proofs.append([digest.hex() for digest in rfc6962(proof)])

roots = [tree.get_root(size).hex() for size in asked["roots"]]
json.dump({"paths": paths, "proofs": proofs, "roots": roots}, sys.stdout)
