//! The `rendezvous` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rendezvous::shell::main()
}
