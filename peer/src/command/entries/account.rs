//! Commands about who one is: accounts, keys.

use crate::command::help::{Entry, Verb};

pub(super) const ACCOUNT: &[Entry] = &[
    Entry {
        verb: Verb::Register,
        name: "register",
        aliases: &[],
        arguments: "[NAME]",
        summary: "Make an account on the server and log in",
        example: "/register alice",
        details: "The password is asked for twice and never leaves this machine.\n\
                  A name that is taken, or that looks like one that is, is refused.",
    },
    Entry {
        verb: Verb::Login,
        name: "login",
        aliases: &[],
        arguments: "[NAME]",
        summary: "Log in with your password",
        example: "/login alice",
        details: "Needed once on each machine: afterwards it logs in by itself.\n\
                  After several wrong passwords the server refuses for a while and says for how \
                  long.",
    },
    Entry {
        verb: Verb::Logout,
        name: "logout",
        aliases: &["out"],
        arguments: "",
        summary: "End the session; the program stays",
        example: "/logout",
        details: "Messages that wait and transfers that run go on after the next login.\n\
                  Refused while your keys are on this machine alone: /passwd or /account export first.",
    },
    Entry {
        verb: Verb::ChangePassword,
        name: "passwd",
        aliases: &["changepassword"],
        arguments: "",
        summary: "Change your password",
        example: "/passwd",
        details: "Asks for the current one and twice for the new one. Machines that are logged in stay so.\n\
                  A wrong current one counts like a failed login: after several the server refuses for \
                  a while.",
    },
    Entry {
        verb: Verb::Account,
        name: "account",
        aliases: &[],
        arguments: "export FILE | import FILE | delete",
        summary: "Carry your account to another machine in a file, or delete it",
        example: "/account export ~/alice.account",
        details: "The file holds your keys, your server and the keys that you verified, under a passphrase \
                  that is\nasked for. It is never written over another. Messages and files stay \
                  here.\n\
                  Where it is imported, nobody may be logged in; /login NAME or /register NAME then \
                  goes on with\nthese keys. A wrong passphrase and a damaged file look the same.\n\
                  delete asks for your name and password: letters, rooms, blocks and the name go from \
                  the server,\nyour keys from here, for ever. History and files stay. A wrong password \
                  counts like a failed login.",
    },
    Entry {
        verb: Verb::Fingerprint,
        name: "fingerprint",
        aliases: &["verify", "otr", "omemo fingerprint"],
        arguments: "[NAME]",
        summary: "A user's key and safety number, or your key and the server's",
        example: "/fingerprint bob",
        details: "Both of you see the same safety number, or somebody stands between you: compare it \
                  over\nanother channel (by telephone, or with the camera), for the server could lie. \
                  Then /trust NAME.\n\
                  The code on the screen holds a text: tincan, both names, the number.",
    },
    Entry {
        verb: Verb::Trust,
        name: "trust",
        aliases: &[],
        arguments: "NAME|server",
        summary: "The key that /fingerprint has shown is this user's; or accept the server's new key",
        example: "/trust bob",
        details: "Only after you have compared the safety number. Exactly the key that was compared is \
                  accepted,\nand from then on nothing is sent to any other one. Of a user whom you did \
                  not verify, a new\nkey is told before each connection, but does not stop you.\n\
                  A new key means that they made a new account, or that somebody stands between you.",
    },
];
