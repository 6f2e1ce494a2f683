//! What the tree and its statements must keep.
