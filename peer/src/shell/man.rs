//! The manual page: the command line, the table of commands that `/help` shows, keys, exit codes.

use clap::CommandFactory;
use manual::{Part, Section};

use super::cli::Cli;
use super::config;
use crate::command::entries::entries;
use crate::command::help::{Entry, KEYS, KEYS_BESIDES};
use crate::command::topics::{TOPICS, Topic};
use crate::face::exit::Exit;

/// The page, in roff.
pub(super) fn page() -> String {
    let sections = [
        section("COMMANDS", commands()),
        section("KEYS", keys()),
        section("SUBJECTS", TOPICS.iter().map(subject).collect()),
        section("EXIT STATUS", exits()),
        section("ENVIRONMENT", environment()),
        section("FILES", FILES.map(|(name, text)| item(name, [text])).into()),
        section("SEE ALSO", vec![text("peer.toml(5), rendezvous(1), b3sum(1)")]),
    ];
    manual::page(&Cli::command(), &sections)
}

/// The page of the configuration file, in roff.
pub(super) fn config_page() -> String {
    let sections = [
        section("TABLES", TABLES.map(|(name, said)| item(name, said.iter().copied())).into()),
        section(
            "FILES",
            vec![item(
                FILES[0].0,
                ["Where it is, if neither --config nor TINCAN_CONFIG says otherwise."],
            )],
        ),
        section("SEE ALSO", vec![text("peer(1)")]),
    ];
    manual::settings::page(config::rules(&Cli::command()), &ABOUT_CONFIG, &sections)
}

const fn section(title: &'static str, parts: Vec<Part>) -> Section {
    Section { title, parts }
}

fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

fn item<T: Into<String>>(name: &str, paragraphs: impl IntoIterator<Item = T>) -> Part {
    Part::Item(name.to_owned(), paragraphs.into_iter().map(Into::into).collect())
}

fn commands() -> Vec<Part> {
    let mut parts = vec![text(
        "Typed while it runs, on the full screen or one in each line of standard input. Any unique \
         beginning of a name will do. '@NAME text' sends to NAME; other lines go to the open chat \
         ('/msg NAME' opens one). '//text' sends text that begins with a slash. What looks like a \
         command and is none is never sent.",
    )];
    parts.extend(entries().map(command));
    parts
}

fn command(entry: &Entry) -> Part {
    let details = if entry.details.is_empty() { "" } else { "\n" };
    let mut said = vec![format!("{}.{details}{}", entry.summary, entry.details)];
    said.extend(entry.also().map(|names| format!("Also: {names}")));
    said.push(format!("Example: {}", entry.example));
    said.push(format!("May go wrong: {}", entry.errors()));
    item(&entry.syntax(), said)
}

fn subject(topic: &Topic) -> Part {
    item(topic.name, [format!("{}.\n{}", topic.title, topic.text)])
}

fn keys() -> Vec<Part> {
    let mut parts: Vec<Part> = KEYS.iter().map(|(keys, does)| item(keys, [*does])).collect();
    parts.push(text(KEYS_BESIDES));
    parts
}

fn exits() -> Vec<Part> {
    let exit = |exit: Exit| item(&exit.code().to_string(), [exit.meaning().replace('`', "'")]);
    Exit::ALL.map(exit).into()
}

fn environment() -> Vec<Part> {
    let mut parts = manual::variables(&Cli::command());
    parts.extend(VARIABLES.map(|(name, text)| item(name, [text])));
    parts
}

/// Variables that stand in for no option.
const VARIABLES: [(&str, &str); 4] = [
    ("NO_COLOR", "With any value but an empty one: no colours."),
    ("TERM", "Empty or 'dumb': no full screen. 'linux': only a bell for what is not in view."),
    ("LC_ALL, LC_CTYPE, LANG", "The first that is set tells whether the terminal shows UTF-8."),
    (
        "XDG_CONFIG_HOME, XDG_DATA_HOME",
        "Where the folders of configurations and of data are, if not ~/.config and ~/.local/share.",
    ),
];

const ABOUT_CONFIG: [&str; 3] = [
    "A file in TOML, whose keys are the long options of peer. What the command line says goes before what the \
     environment says, and that before this file. A key that is none, or a value that does not fit, is an error \
     that names it. 'peer --print-config' prints all settings as such a file, each with where it comes from.",
    "While the program runs, '/set' shows and changes the settings, '/save' writes what was changed into this file \
     and leaves all else in it as it is, and '/reload' takes the file as it stands.",
    "For example: download-dir = \"/home/alice/Videos\"",
];

const TABLES: [(&str, &[&str]); 3] = [
    (
        "[aliases]",
        &[
            "Words of your own, each with the line for which it stands; what is typed behind it goes behind that.",
            "brb = \"/msg bob back in five minutes\"",
        ],
    ),
    (
        "[keys]",
        &[
            "Keys of the full screen, each with a command: F1 to F12, Ctrl- with a letter, or Alt- with a letter, a \
             digit or a sign.",
            "F5 = \"/files\"",
        ],
    ),
    (
        "[theme]",
        &[
            "Colours of parts of the full screen: black, red, green, yellow, blue, magenta, cyan, white, gray, \
             dark-gray, with light- before most; a number from 0 to 255; #rrggbb; or default. '/help theme' names \
             the parts.",
            "warning = \"light-red\"",
            "names = \"green cyan 208 #ff8800\"",
        ],
    ),
];

const FILES: [(&str, &str); 3] = [
    (
        "~/.config/tincan/peer.toml",
        "Settings: its keys are the long options, its table 'aliases' words of your own for lines.",
    ),
    (
        "~/.local/share/tincan",
        "The data folder: keys, contacts, messages and transfers of the accounts used here \
         (peer.sqlite), hash trees of unfinished transfers (trees), lines typed before \
         (typed-lines.json), the server of the last start (last-server).",
    ),
    (
        "~/Downloads",
        "What arrives, unless the system names another folder for downloads. A name that ends with \
         '.part' is a file on its way.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands there as an example is taken.
    #[test]
    fn every_setting_and_table_is_in_the_page_of_the_file() {
        let page = config_page();
        let command = Cli::command();
        let roff = |text: &str| text.replace('-', "\\-");
        let settings = config::rules(&command).settings();
        for long in settings.filter_map(clap::Arg::get_long) {
            assert!(page.contains(&format!(".TP\n\\fB{} = ", roff(long))), "{long}");
        }
        assert_eq!(TABLES.map(|(name, _)| name), config::TABLES.map(|name| format!("[{name}]")));
        let mut tables = config::Tables::default();
        for (name, said) in TABLES {
            let lines = said[1..].join("\n");
            for (key, value) in lines.parse::<manual::settings::Table>().unwrap() {
                let name = name.trim_matches(['[', ']']);
                tables.put(name, &key, value.as_str().unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn every_command_is_in_the_page() {
        let page = page();
        // As roff is written: no hyphen, apostrophe or backslash stands for itself.
        let roff =
            |text: &str| text.replace('\\', "\\\\").replace('-', "\\-").replace('\'', "\\*(Aq");
        for entry in entries() {
            let head = format!(".TP\n\\fB{}\\fR\n{}.", roff(&entry.syntax()), roff(entry.summary));
            assert!(page.contains(&head), "{head}");
            let example = format!("Example: {}\n", roff(entry.example));
            assert!(page.contains(&example), "{example}");
            let lines = entry.details.lines();
            assert!(lines.clone().all(|line| page.contains(&roff(line))), "{}", entry.name);
            assert!(entry.aliases.iter().all(|name| page.contains(&format!("/{}", roff(name)))));
        }
        for title in ["NAME", "SYNOPSIS", "OPTIONS", "KEYS", "EXIT STATUS", "FILES", "SEE ALSO"] {
            assert!(
                page.contains(&format!(".SH {title}\n"))
                    || page.contains(&format!(".SH \"{title}\"\n")),
                "{title}"
            );
        }
        assert!(page.contains("\\fBTINCAN_SERVER\\fR") && page.contains("\\fB143\\fR"));
    }
}
