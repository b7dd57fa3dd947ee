//! Commands from the line that is typed to what others see, as far as no other test has the whole way.

use std::net::SocketAddr;

use sim::programs::{hash_file, write_noise};

use crate::stage::{Person, Stage, path_in};

/// Types each line and waits for what it leads to.
#[track_caller]
fn each(person: &mut Person, lines: &[(&str, &str)]) {
    for (line, answer) in lines {
        person.types(line);
        person.reads(answer);
    }
}

#[test]
fn a_room_is_ruled_by_its_owner_and_operators() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    let mut carol = stage.enter("carol", &[]);
    each(&mut alice, &[("/rooms", "* no rooms: /create makes one")]);
    each(&mut alice, &[("/create team bob", "* #team: made, and you own it")]);
    bob.reads("* alice invites you to #team");
    each(&mut bob, &[("/rooms", "* #team (1 member; alice invites you: /accept or /decline)")]);
    each(&mut bob, &[("/requests", "* #team (1 member; alice invites you: /accept or /decline)")]);
    each(&mut bob, &[("yes", "* #team: you are in it")]);
    each(&mut carol, &[("/rooms", "* no rooms: /create makes one")]);

    each(&mut bob, &[("/topic #team the film", "! #team: your role in it does not allow that")]);
    each(&mut alice, &[("/op #team bob", "* #team: alice made bob its operator")]);
    each(
        &mut bob,
        &[
            ("/topic #team the film", "* #team: bob says it is about: the film"),
            ("/owner #team bob", "! #team: your role in it does not allow that"),
            ("/invite #team carol", "* #team: carol was invited by bob"),
        ],
    );
    each(&mut carol, &[("/join #team", "* #team: you are in it; it is about: the film")]);
    each(&mut bob, &[("/mute #team carol", "* #team: carol was muted by bob")]);
    carol.reads("* #team: carol was muted by bob");
    each(&mut carol, &[("#team hello", "! not sent to #team: you are muted in #team.")]);
    each(&mut bob, &[("/members #team", "* carol: online, muted")]);
    each(&mut bob, &[("/unmute #team carol", "* #team: carol may speak again, says bob")]);
    carol.reads("* #team: carol may speak again, says bob");
    each(&mut carol, &[("/say team hello", "* message 1 to #team: ")]);
    alice.reads("<#team carol> hello");

    each(&mut alice, &[("/deop #team bob", "* #team: alice made bob its member")]);
    bob.reads("* #team: alice made bob its member");
    each(&mut bob, &[("/kick #team carol", "! #team: your role in it does not allow that")]);
    each(&mut alice, &[("/kick #team carol", "* #team: carol was put out by alice")]);
    carol.reads("* #team: carol was put out by alice");
    each(&mut carol, &[("/join team", "! #team: ")]);
    each(
        &mut alice,
        &[
            ("/deop #team alice", "! #team: you are its only owner"),
            ("/owner #team bob", "* #team: alice made bob its owner"),
            ("/rename #team crew", "* #crew: alice gave it this name; it was #team"),
            ("/leave crew", "* #crew: alice left"),
        ],
    );
    bob.reads("* #crew: alice left");
    each(&mut bob, &[("/rooms", "* #crew (1 member; you are its owner): the film")]);
}

/// A file goes to each member, and from member to member.
#[test]
fn what_was_said_in_a_room_is_answered_changed_and_taken_back() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    each(&mut alice, &[("/create team --history bob", "* #team: made, and you own it")]);
    bob.reads("* alice invites you to #team");
    each(&mut bob, &[("/join team", "* #team: you are in it")]);
    alice.reads("* #team: bob came in");
    for who in [&mut alice, &mut bob] {
        each(who, &[("/buffer #team", "* what you type goes to #team now")]);
    }
    alice.types("at fife?");
    bob.reads("<#team alice> at fife?");
    alice.types("/edit at five?");
    bob.reads("* #team alice edited line 1: at five?");
    bob.types("/reply yes");
    alice.reads("* bob answers line 1 by the next one");
    alice.reads("<#team bob> yes");
    each(&mut alice, &[("/edit", "! Usage: /edit [NUMBER] TEXT")]);
    bob.types("/unsend");
    alice.reads("* #team bob took line 3 back");
    each(&mut bob, &[("/unsend 1", "! not sent to #team: message 1 to #team is taken back.")]);

    // Who comes later reads what it says now.
    let mut carol = stage.enter("carol", &[]);
    alice.types("/invite #team carol");
    carol.reads("* alice invites you to #team");
    each(&mut carol, &[("no", "* #team: you declined the invitation")]);
    each(&mut carol, &[("/accept #team", "! Nobody invites you to #team")]);
    alice.types("/invite #team carol");
    carol.reads("* alice invites you to #team");
    each(&mut carol, &[("/accept #team", "* #team: you are in it")]);
    carol.reads("<#team alice> at five?");
    carol.types("/history #team");
    let line = carol.reads("[");
    assert!(line.ends_with(", edited] <#team alice> at five?"), "{line}");
    each(&mut carol, &[("/search fife", "* nothing found")]);
    carol.has_not_read("fife?");
}

#[test]
fn a_room_is_offered_a_file() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut others = ["bob", "carol"].map(|user| stage.enter(user, &[]));
    each(&mut alice, &[("/create team bob carol", "* #team: made, and you own it")]);
    for person in &mut others {
        person.reads("* alice invites you to #team");
        each(person, &[("/join team", "* #team: you are in it")]);
    }
    alice.reads("* #team: carol came in");
    let film = stage.folder().join("a film.mp4");
    write_noise(&film, 4 << 20).unwrap();
    let hash = hash_file(&film).unwrap();
    alice.types(&format!("/send #team '{}'", film.display()));
    let [bob, carol] = &mut others;
    bob.reads("# file 1 from alice in #team: \"a film.mp4\" (4.19 MB, video/mp4)");
    each(bob, &[("/accept 1", "# file 1 from alice in #team: \"a film.mp4\" (4.19 MB) complete")]);
    carol.reads("# file 1 from alice in #team: \"a film.mp4\" (4.19 MB, video/mp4)");
    alice.leaves("/quit");
    carol.types("/accept 1");
    let told = carol.reads("# file 1 from alice in #team: \"a film.mp4\" (4.19 MB) complete");
    assert_eq!(hash_file(&path_in(&told)).unwrap(), hash, "bob gave it");
}

#[test]
fn what_somebody_says_about_himself_is_seen_and_what_was_said_is_found() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    alice.reads("* bob is online");
    for (line, told) in [
        ("/status cutting the film", "* bob is online (cutting the film)"),
        ("/away back at two", "* bob is away (back at two)"),
        ("/busy", "* bob is busy"),
        ("/back", "* bob is online"),
    ] {
        bob.types(line);
        alice.reads(told);
    }
    alice.types("@bob see you at five o'clock");
    bob.reads("<alice> see you at five o'clock");
    bob.types("/search o'clock");
    let found = bob.reads("[");
    assert!(found.ends_with("] <alice> see you at five o'clock"), "{found}");
    each(
        &mut bob,
        &[("/search six", "* nothing found"), ("/outbox", "* nothing waits to be sent")],
    );
    each(&mut alice, &[("/seen bob", "* bob: online"), ("/seen 1h", "* bob: ")]);
    each(&mut alice, &[("/seen nobody", "! seen nobody: no such user")]);
    each(
        &mut alice,
        &[("/help seen", "* /seen NAME|TIME"), ("/nosuch", "! Not sent: there is no")],
    );
    for person in [&mut alice, &mut bob] {
        each(person, &[("/fingerprint", "* fingerprint of server: ")]);
    }
    let own = bob.reads("* fingerprint of bob: ");
    alice.types("/fingerprint bob");
    assert_eq!(alice.reads("* fingerprint of bob: "), own);
    each(&mut alice, &[("/whois bob", "* bob: online since ")]);
    let key = alice.reads("*   key ");
    assert_eq!(
        key,
        format!("*   key {}, not verified: /fingerprint bob", own.rsplit(": ").next().unwrap())
    );
    // Any address of this machine may have become the path.
    let link = loop {
        let line = alice.reads("*   ");
        if line.contains(" link to ") {
            break line;
        }
    };
    let (path, address) = link.trim_start_matches("*   ").split_once(" link to ").unwrap();
    assert!(matches!(path, "direct" | "LAN"), "{link}");
    let address = address.split(',').next().unwrap();
    assert!(address.parse::<SocketAddr>().is_ok(), "{link}");
    alice.reads("*   no room with you");
    each(&mut alice, &[("/whois nobody", "! There is no user 'nobody' on this server.")]);
}

#[test]
fn a_transfer_is_paused_resumed_and_given_up_by_its_number() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    let film = stage.folder().join("film.mp4");
    write_noise(&film, 1_000_000).unwrap();
    let alices = |number: u32, state: &str| {
        format!("# file {number} to bob: \"film.mp4\" (1.00 MB) {state}")
    };
    let bobs = |number: u32, state: &str| {
        format!("# file {number} from alice: \"film.mp4\" (1.00 MB) {state}")
    };
    for number in [1, 2] {
        alice.types(&format!("/send bob {}", film.display()));
        bob.reads(&format!("# file {number} from alice: \"film.mp4\" (1.00 MB, video/mp4)"));
        // Before anything of it has come: how far it gets meanwhile is nobody's to say.
        alice.types(&format!("/pause {number}"));
        alice.reads(&alices(number, "paused by you"));
        bob.types(&format!("/accept {number}"));
        bob.reads(&bobs(number, "paused by them"));
    }
    // Each side has a pause of its own.
    bob.types("/pause 1");
    bob.reads(&bobs(1, "paused by both"));
    alice.reads(&alices(1, "paused by both"));
    alice.types("/resume 1");
    bob.reads(&bobs(1, "paused by you"));
    bob.types("/resume 1");
    bob.reads(&bobs(1, "complete"));
    alice.reads(&alices(1, "complete"));

    bob.types("/cancel 2");
    bob.reads(&bobs(2, "cancelled"));
    alice.reads(&alices(2, "cancelled"));
    bob.types("/files");
    bob.reads(&bobs(1, "complete"));
    bob.reads(&bobs(2, "cancelled"));
    bob.types("/resume 2");
    bob.reads("! ");
}

/// Features part 5: what somebody does is told as such, and whom one has met is known.
#[test]
fn one_waves_and_knows_whom_one_has_met() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    each(&mut alice, &[("/contacts", "* nobody yet: /msg NAME writes to somebody")]);
    alice.types("/msg bob");
    alice.types("/me waves");
    bob.reads("<* alice> waves");
    each(&mut bob, &[("/contacts", "* alice: online since ")]);
    each(&mut bob, &[("/rename alice Ally", "* you call alice \"Ally\" now, for yourself alone")]);
    each(&mut bob, &[("/contacts", "* alice (Ally): online since ")]);
    bob.types("/history alice 1h");
    assert!(bob.reads("[").ends_with(", line 1] <* alice> waves"));
}

#[test]
fn one_asks_why_and_how_far() {
    let stage = Stage::open(&[]);
    let mut alice = stage.enter("alice", &[]);
    let mut bob = stage.enter("bob", &[]);
    each(&mut alice, &[("/ping bob", "* bob answers after ")]);
    alice.types("/why bob");
    alice.reads("* bob:");
    alice.reads("  | bob is online, the server says.");
    // By whichever of the machine's addresses.
    alice.reads("  | The direct path to ");
    alice.reads("  | The last datagram of bob came ");
    alice.reads("  | Addresses of bob to try: ");
    alice.reads("  | Your side: no NAT");
    alice.reads("  | The side of bob: no NAT");
    alice.types("/why bob --report");
    alice.reads("* report:");
    let report = alice.reads("  | Addresses of X to try: (");
    assert!(!report.contains("127.0.0.1"), "{report}");
    alice.types("/server");
    alice.reads("* Server ");
    alice.reads("* fingerprint of server: ");
    each(
        &mut alice,
        &[
            ("/autoaccept", "* autoaccept: asks, of everybody"),
            ("/autoaccept bob 2G", "* autoaccept bob: up to 2.00 GB"),
            ("/ignore bob", "* What bob says is kept"),
            ("/ignore", "* you ignore bob"),
            ("/unignore bob", "* What bob says is shown again"),
            ("/limit up 2M", "* limit-up = 2M"),
            ("/unread", "* Nothing is unread"),
        ],
    );
    alice.types("/quit see you tomorrow");
    bob.reads("* alice leaves: see you tomorrow");
}
