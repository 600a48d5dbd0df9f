//! The `daoxiao` program.

fn main() {}
