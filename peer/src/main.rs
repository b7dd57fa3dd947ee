//! The Tincan client.

fn main() -> std::process::ExitCode {
    peer::shell::main()
}
