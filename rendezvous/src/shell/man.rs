//! The manual page: the command line, exit codes, signals, files.

use clap::CommandFactory;
use manual::{Part, Section};

use super::cli::{self, Cli};

/// The page, in roff.
pub(super) fn page() -> String {
    let mut variables = manual::variables(&Cli::command());
    variables
        .push(item(("XDG_DATA_HOME", "Where the folders of data are, if not ~/.local/share.")));
    let sections = [
        Section { title: "EXIT STATUS", parts: EXITS.map(item).into() },
        Section { title: "SIGNALS", parts: SIGNALS.map(item).into() },
        Section { title: "ENVIRONMENT", parts: variables },
        Section { title: "FILES", parts: FILES.map(item).into() },
        Section {
            title: "SEE ALSO",
            parts: vec![Part::Text("rendezvous.toml(5), peer(1)".to_owned())],
        },
    ];
    manual::page(&Cli::command(), &sections)
}

/// The page of the configuration file, in roff.
pub(super) fn config_page() -> String {
    let parts = vec![Part::Text("rendezvous(1)".to_owned())];
    let sections = [Section { title: "SEE ALSO", parts }];
    manual::settings::page(cli::rules(&Cli::command()), &ABOUT_CONFIG, &sections)
}

const ABOUT_CONFIG: [&str; 2] = [
    "A file in TOML, which --config names, whose keys are the long options of rendezvous. What the command line says goes \
     before what the environment says, and that before this file. A key that is none, or a value that does not fit, is an \
     error that names it.",
    "A server that runs reads it anew at SIGHUP: rendezvous(1) says what holds from then on. A file that is wrong then \
     changes nothing.",
];

fn item((name, text): (&str, &str)) -> Part {
    Part::Item(name.to_owned(), vec![text.to_owned()])
}

const EXITS: [(&str, &str); 3] = [
    ("0", "Done; or, while serving, told to end by a signal."),
    (
        "1",
        "Something is wrong with the machine, the network or the data: one line on standard error \
         says what.",
    ),
    ("2", "The command line makes no sense."),
];

const SIGNALS: [(&str, &str); 2] = [
    (
        "SIGTERM, SIGINT",
        "Tell everybody that the server stops, finish what is being stored, and end.",
    ),
    (
        "SIGHUP",
        "Open the file of --log-file anew, after it was moved away, and read that of --config anew. Greeting, \
         registration, locks, mailboxes, relaying and what the log shows of addresses hold from then on, \
         the rest from the next start; the log says which. A file that is wrong changes nothing.",
    ),
];

const FILES: [(&str, &str); 2] = [
    (
        "~/.local/share/tincan/rendezvous",
        "The data folder. It is to be backed up as a whole while no server runs on it: accounts \
         (rendezvous.db) cannot be opened without opaque.key, and users refuse a server without \
         server.key.",
    ),
    ("status.json", "In the data folder: what the running server does, for 'rendezvous status'."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_the_page_of_the_file() {
        let (page, command) = (config_page(), Cli::command());
        for long in cli::rules(&command).settings().filter_map(clap::Arg::get_long) {
            assert!(page.contains(&format!(".TP\n\\fB{} = ", long.replace('-', "\\-"))), "{long}");
        }
    }

    #[test]
    fn the_page_tells_of_every_command_and_option() {
        let page = page();
        let roff = |text: &str| text.replace('-', "\\-");
        for command in ["user list", "user add", "user del", "user passwd", "user unlock", "status"]
        {
            assert!(page.contains(&format!(".SS \"rendezvous {command} ")), "{command}: {page}");
        }
        let cli = Cli::command();
        for argument in cli.get_arguments() {
            let option = roff(&format!("--{}", argument.get_long().unwrap()));
            assert!(page.contains(&option), "{option}");
            let help = argument.get_help().unwrap().to_string();
            assert!(page.contains(&roff(&help).replace('\'', "\\*(Aq")), "{help}");
        }
        for word in ["SIGHUP", "TINCAN_RENDEZVOUS_DATA", "opaque.key", "peer(1)"] {
            assert!(page.contains(word), "{word}");
        }
    }
}
