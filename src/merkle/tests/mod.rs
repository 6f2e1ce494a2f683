//! What the tree and the statements about it must keep, against published answers, naive definitions and a foreign library.

mod known_answers;
mod naive;
mod notes;
mod texts;
mod tiles;
mod trees;
