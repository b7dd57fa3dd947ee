//! Runs the simulator over seeds.
fn main() {}
