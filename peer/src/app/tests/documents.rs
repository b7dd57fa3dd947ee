//! What docs/json.md shows as an example is what is told: the texts of the program's own in it, word by word.

use wire::app::server::Refusal;

use super::world::{World, server_address};
use crate::face::json::line;

const DOCUMENT: &str = include_str!("../../../../docs/json.md");

/// The examples of this event.
fn examples(event: &str) -> Vec<&'static str> {
    let begin = format!("{{\"event\":\"{event}\",");
    let found: Vec<&str> = DOCUMENT.lines().filter(|line| line.starts_with(&begin)).collect();
    assert!(!found.is_empty(), "docs/json.md shows no {event}");
    found
}

fn told(world: &mut World) -> Vec<String> {
    world.seen(0).iter().map(line).collect()
}

/// Lets alice see what the examples are about; gives all that she is told.
fn story() -> Vec<String> {
    let mut world = World::new(2);
    world.kill(0);
    world.start_with(0, "chat.example:5000");
    world.run_ms(10);
    world.register(0, "alice");
    world.register(1, "bob");
    world.run_ms(2000);
    let mut all = told(&mut world);
    world.line(0, "/why bob");
    world.line(0, "/help who");
    world.line(0, "/msg bobb! hi");
    world.server.refuse = vec![("Seen", Refusal::UnknownUser)];
    world.line(0, "/whois bobb");
    world.run_ms(1000);
    world.server.refuse.clear();
    world.line(0, "/block bob");
    world.run_ms(1000);
    all.extend(told(&mut world));
    world.cut.push(server_address());
    world.run_ms(120_000);
    all.extend(told(&mut world));
    world.cut.clear();
    world.run_ms(60_000);
    world.line(0, "/logout");
    world.run_ms(1000);
    world.login_with(0, "alice", "not the password");
    world.run_ms(1000);
    all.extend(told(&mut world));
    all
}

#[test]
fn examples_are_what_is_told() {
    let all = story();
    let mut wrong = Vec::new();
    for event in
        ["login-needed", "logged-out", "server", "not-sent", "why", "help", "info", "error"]
    {
        let begin = format!("{{\"event\":\"{event}\",");
        let real: Vec<&String> = all.iter().filter(|line| line.starts_with(&begin)).collect();
        let examples = examples(event);
        // The figures of a link are never the same.
        let has_figures = |example: &str| event == "why" && !example.contains("\"path\":null");
        let is_told = |example: &str| real.iter().any(|line| line.as_str() == example);
        let unreal: Vec<_> =
            examples.iter().filter(|example| !is_told(example) && !has_figures(example)).collect();
        if !unreal.is_empty() {
            wrong.push(format!("{unreal:#?}\n are none of {real:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
