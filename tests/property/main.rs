//! Claims that hold for every input, tried on thousands of random ones.

mod engine;
