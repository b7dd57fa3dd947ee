//! "Chat and P2P Video Sharing Application: ... The Chat Server handles user authentication,
//! messaging, and group chats, while the Client enables direct video file sharing among users."
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::net::UdpSocket;
use std::process::Command;

use sim::programs::{hash_file, program, write_noise};

use crate::stage::{CLASSROOM, Person, Stage, path_in};
use crate::{options, peer, text};

/// "Credentials File: Set user credentials in the specified file", with a line that is none.
const CREDENTIALS: &str =
    "yoda correct horse yoda\nluke correct horse luke\n!\nleia correct horse leia\n";

#[test]
fn known_users_chat_in_groups_and_share_videos() {
    // "Execute with `python3 server.py [server_port] [max_failed_attempts]`."
    let stage = Stage::prepared(|scene| {
        let credentials = scene.folder_of("credentials");
        fs::write(&credentials, CREDENTIALS).unwrap();
        // Their programs are not to register them.
        for user in ["yoda", "luke", "leia"] {
            fs::create_dir(scene.folder_of(user)).unwrap();
        }
        let credentials = credentials.to_str().unwrap();
        let options = ["--import-credentials", credentials, "--open-registration", "no"];
        let limits = ["--max-failed", "2", "--lock-seconds", "300"];
        options.into_iter().chain(limits).map(str::to_owned).collect()
    });
    // "Verify the credentials file format and location": the line is named, and only that is left out.
    stage.server.await_error("credentials:3: no password");

    authenticate(&stage);
    let mut yoda = stage.enter("yoda", CLASSROOM);
    // "Active User Management: Tracks and logs active users."
    yoda.types("/activeuser");
    yoda.reads("* No other active user.");
    let mut luke = enter_at_a_port(&stage, "luke");
    let mut leia = stage.enter("leia", CLASSROOM);
    yoda.types("/activeuser");
    yoda.reads("* leia: online since ");
    let line = yoda.reads("* luke: online since ");
    assert!(!line.contains("127.0.0.1"), "an address is not for everybody: {line}");
    yoda.has_not_read("* yoda: ");

    // "Messaging: Supports DMs".
    yoda.types("/msgto luke do or do not");
    luke.reads("<yoda> do or do not");
    groups(&mut yoda, &mut luke, &mut leia);
    share_a_video(&stage, &mut yoda, &mut luke);
    // The end of a session; the server has logged them.
    yoda.types("/logout");
    luke.reads("* yoda is offline");
    for user in ["yoda", "luke", "leia"] {
        stage.server.await_error(&format!("session began name={user}"));
    }
    for person in [yoda, luke, leia] {
        person.leaves("/exit");
    }
}

/// "User Authentication: Validates user credentials", "Security: Blocks users after failed login
/// attempts."
fn authenticate(stage: &Stage) {
    let attempt = |password: &str| {
        let file = stage.folder().join("attempt");
        fs::write(&file, format!("{password}\n")).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let mut arguments = options(elsewhere.path(), stage.address);
        arguments.extend(["--user", "yoda", "--plain", "--password-file"].map(str::to_owned));
        arguments.push(file.to_str().unwrap().to_owned());
        let output = peer(&arguments);
        (output.status.code(), text(&output.stdout))
    };
    for _ in 0..2 {
        let (code, told) = attempt("the dark side");
        assert!(code == Some(8) && told.contains("wrong user name or password"), "{told}");
    }
    // Not even the right one now, and from wherever it comes.
    let (code, told) = attempt("correct horse yoda");
    assert!(code == Some(8) && told.contains("too many failed attempts: try again in"), "{told}");
    // For that long, or until the operator says otherwise.
    let unlocked = Command::new(program("rendezvous"))
        .args(["user", "unlock", "yoda", "--data"])
        .arg(stage.scene.folder_of("server"))
        .output()
        .unwrap();
    assert_eq!(text(&unlocked.stdout), "unlocked yoda\n", "{}", text(&unlocked.stderr));
    let (code, told) = attempt("correct horse yoda");
    assert!(code == Some(0) && told.contains("* logged in as yoda"), "{told}");
}

/// "Run with `python3 client.py [server_IP] [server_port] [client_udp_port]`."
fn enter_at_a_port(stage: &Stage, user: &str) -> Person {
    // "Port Numbers: Use valid port numbers", "Error Handling: Includes basic handling".
    let wrong = peer(&["--server", "127.0.0.1:5000", "--udp", "65536"]);
    assert_eq!(wrong.status.code(), Some(2));
    let told = text(&wrong.stderr);
    assert!(told.contains("65536") && told.lines().count() == 1, "{told}");
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let person = stage.enter(user, &["--udp", &free, "--classroom"]);
    let taken = UdpSocket::bind(format!("0.0.0.0:{free}"));
    assert!(taken.is_err(), "{free} is what he uses");
    person
}

/// "Group Management: Allows creating and joining groups."
fn groups(yoda: &mut Person, luke: &mut Person, leia: &mut Person) {
    yoda.types("/creategroup jedi luke leia");
    yoda.reads("* #jedi: made, and you own it");
    luke.reads("* yoda invites you to #jedi");
    leia.reads("* yoda invites you to #jedi");
    luke.types("/joingroup jedi");
    luke.reads("* #jedi: you are in it");
    yoda.reads("* #jedi: luke came in");
    // "group chats": to who has joined, and to nobody else.
    yoda.types("/groupmsg jedi always two there are");
    luke.reads("<#jedi yoda> always two there are");
    luke.types("/groupmsg jedi three soon");
    yoda.reads("<#jedi luke> three soon");
    for (line, answer) in [
        ("/groupmsg jedi hello", "! not sent to #jedi: you are in no room #jedi"),
        ("/groupmsg sith hello", "! not sent to #sith: you are in no room #sith"),
        ("/joingroup sith", "! #sith: there is no such room"),
        ("/creategroup jedi yoda", "! #jedi: a room of this name"),
        ("/creategroup sith", "! #sith: a room needs at least one other member"),
        ("/creategroup sith jabba", "! #sith: there is no user jabba on this server"),
    ] {
        leia.types(line);
        leia.reads(answer);
    }
    leia.types("/joingroup jedi");
    leia.reads("* #jedi: you are in it");
    leia.has_not_read("always two there are");
    leia.types("/joingroup jedi");
    leia.reads("! #jedi: you are in it already");
    yoda.reads("* #jedi: leia came in");
    yoda.types("/groupmsg jedi now three");
    luke.reads("<#jedi yoda> now three");
    leia.reads("<#jedi yoda> now three");
}

/// "Video File Sharing: Shares video files with other users", "UDP for file transfer", "Use
/// `/p2pvideo [username] [filename]` for sharing."
fn share_a_video(stage: &Stage, yoda: &mut Person, luke: &mut Person) {
    let film = stage.folder().join("a lesson.mp4");
    write_noise(&film, 8 << 20).unwrap();
    yoda.types(&format!("/p2pvideo luke '{}'", film.display()));
    let offer = luke.reads("# file 1 from yoda: \"a lesson.mp4\" (8.38 MB, video/mp4)");
    assert!(offer.contains(&hash_file(&film).unwrap()), "{offer}");
    luke.types("yes");
    // While it runs, there is talk in both directions.
    luke.types("/msgto yoda is it long?");
    yoda.reads("<luke> is it long?");
    yoda.types("/msgto luke patience");
    luke.reads("<yoda> patience");
    let path = path_in(&luke.reads("# file 1 from yoda: \"a lesson.mp4\" (8.38 MB) complete"));
    assert!(path.starts_with(stage.folder().join("luke/downloads")), "{path:?}");
    assert_eq!(hash_file(&path).unwrap(), hash_file(&film).unwrap());
    yoda.reads("# file 1 to luke: \"a lesson.mp4\" (8.38 MB) complete");
    // One more of the same name takes nothing away; one that is not wanted does not come.
    yoda.types(&format!("/p2pvideo luke '{}'", film.display()));
    luke.reads("# file 2 from yoda");
    luke.types("no");
    yoda.reads("# file 2 to luke: \"a lesson.mp4\" (8.38 MB) declined");
    yoda.types("/p2pvideo luke /no/such.mp4");
    yoda.reads("# file 3 to luke: \"such.mp4\" (0 B) failed: /no/such.mp4: there is no such file");
    yoda.types(&format!("/p2pvideo jabba '{}'", film.display()));
    yoda.reads("! There is no user 'jabba' on this server: nothing is offered.");
    assert_eq!(hash_file(&path).unwrap(), hash_file(&film).unwrap());
}
