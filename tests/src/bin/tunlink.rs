//! A bad link in user space: carries IP packets between two TUN devices and does to them what
//! `tc netem` would, for kernels that have no netem.
//!
//! `tunlink --devices A B [NETEM OPTION]... -- COMMAND [ARGUMENT]...` makes the devices, runs the
//! command, which moves each into a namespace and gives it an address, and ends with the
//! command's status. SIGUSR1 lets a schedule of options (`then`) begin anew: the command finds the
//! process to send it to in $TUNLINK.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::AsRawFd;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use clap::Parser;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use signal_hook::consts::SIGUSR1;
use signal_hook_mio::v1_0::Signals;
use sim::Dice;
use sim::link::{Delivery, Link};
use sim::netem::Schedule;
use tappers::Interface;
use tappers::linux::Tun;
use wire::Seed;
use wire::net::Clock;
use wire::time::{Duration, Instant};

/// Longest IP packet.
const MAX_PACKET: usize = 65_535;

/// A bad link between two TUN devices, with the options of tc netem.
#[derive(Parser)]
struct Arguments {
    /// The two devices to make.
    #[arg(long, num_args = 2, value_names = ["A", "B"], required = true)]
    devices: Vec<String>,
    /// Another number, other luck.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As after `tc qdisc add .. netem`, and more: scripts/netem lists them.
    #[arg(value_name = "NETEM OPTION")]
    options: Vec<String>,
    /// What to run once the devices are there.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Tokens: the devices have their index.
const TIMER: Token = Token(2);
const ENDED: Token = Token(3);
const SIGNAL: Token = Token(4);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let schedule = match Schedule::parse(arguments.options.iter().map(String::as_str)) {
        Ok(schedule) => schedule,
        Err(error) => return fail(&error),
    };
    match run(&arguments, schedule) {
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| code.to_le_bytes()[0])),
        Err(error) => fail(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "a program tells its user why it fails")]
fn fail(error: &str) -> ExitCode {
    eprintln!("tunlink: {error}");
    ExitCode::FAILURE
}

fn run(arguments: &Arguments, schedule: Schedule) -> io::Result<ExitStatus> {
    let mut poll = Poll::new()?;
    let mut tunnel = Tunnel::open(arguments, schedule)?;
    for (index, device) in tunnel.devices.iter().enumerate() {
        let fd = device.as_raw_fd();
        poll.registry().register(&mut SourceFd(&fd), Token(index), Interest::READABLE)?;
    }
    // Microseconds matter: at 100 Mbit/s a packet takes 100 of them, and epoll counts in
    // milliseconds.
    let timer =
        timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
    let mut signals = Signals::new([SIGUSR1])?;
    poll.registry().register(&mut signals, SIGNAL, Interest::READABLE)?;
    let ended = spawn(&arguments.command, Waker::new(poll.registry(), ENDED)?)?;
    let mut events = Events::with_capacity(16);
    loop {
        tunnel.take()?;
        if let Some(wait) = tunnel.deliver() {
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &wait)?;
        }
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        if let Ok(status) = ended.try_recv() {
            return status;
        }
        if signals.pending().next().is_some() {
            tunnel.began = tunnel.clock.now();
        }
        // Reading a timer that has fired makes it quiet; one that has not says so at once.
        let _ = rustix::io::read(&timer, &mut [0; 8]);
    }
}

/// Runs the command; its end wakes the loop.
fn spawn(command: &[String], waker: Waker) -> io::Result<Receiver<io::Result<ExitStatus>>> {
    let (program, rest) = command.split_first().expect("clap requires a command");
    let own = std::process::id().to_string();
    let mut child = Command::new(program).args(rest).env("TUNLINK", own).spawn()?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        // Both fail only when the loop has already ended.
        let _ = sender.send(child.wait());
        let _ = waker.wake();
    });
    Ok(receiver)
}

/// A packet on its way; the earliest comes first, then the one that was first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    at: Instant,
    sequence: u64,
    /// To which device.
    to: usize,
    bytes: Vec<u8>,
}

struct Tunnel {
    clock: Clock,
    schedule: Schedule,
    /// When the schedule began.
    began: Instant,
    devices: [Tun; 2],
    /// `links[i]` carries what comes from device `i` to the other.
    links: [Link; 2],
    held: BinaryHeap<Reverse<Held>>,
    sequence: u64,
    deliveries: Vec<Delivery>,
    buffer: Vec<u8>,
}

impl Tunnel {
    fn open(arguments: &Arguments, schedule: Schedule) -> io::Result<Self> {
        let open = |name: &String| {
            let device = Tun::create_named(Interface::new(name)?).map_err(|error| {
                io::Error::other(format!("cannot make TUN device {name}: {error}"))
            })?;
            device.set_nonblocking(true)?;
            Ok::<_, io::Error>(device)
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&arguments.seed.to_be_bytes());
        let [there, back] = schedule.at(Duration::ZERO).ways.clone();
        let link = |way, label| Link::new(way, Dice::new(&Seed::new(seed), label));
        let clock = Clock::start();
        Ok(Self {
            began: clock.now(),
            clock,
            devices: [open(&arguments.devices[0])?, open(&arguments.devices[1])?],
            links: [link(there, "a to b"), link(back, "b to a")],
            schedule,
            held: BinaryHeap::new(),
            sequence: 0,
            deliveries: Vec::new(),
            buffer: vec![0; MAX_PACKET],
        })
    }

    /// Takes everything that the devices have.
    fn take(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let phase = self.schedule.at(now - self.began);
        for (link, way) in self.links.iter_mut().zip(&phase.ways) {
            if link.impairment() != way {
                link.set(now, way.clone());
            }
        }
        for from in 0..self.devices.len() {
            loop {
                let len = match self.devices[from].recv(&mut self.buffer) {
                    Ok(len) => len,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    // A device that is down, or on its way into a namespace.
                    Err(error) if is_down(&error) => break,
                    Err(error) => return Err(error),
                };
                self.links[from].send(now, self.buffer[..len].to_vec(), &mut self.deliveries);
                for Delivery { at, bytes } in self.deliveries.drain(..) {
                    let sequence = self.sequence;
                    self.held.push(Reverse(Held { at, sequence, to: 1 - from, bytes }));
                    self.sequence += 1;
                }
            }
        }
        Ok(())
    }

    /// Hands over what is due and says when the next is.
    fn deliver(&mut self) -> Option<Itimerspec> {
        loop {
            let now = self.clock.now();
            let due = self.held.peek()?.0.at;
            if due > now {
                let wait = due - now;
                let it_value = Timespec {
                    tv_sec: i64::try_from(wait.as_secs()).expect("links hold packets for seconds"),
                    tv_nsec: i64::from(wait.subsec_nanos()),
                };
                let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
                return Some(Itimerspec { it_interval, it_value });
            }
            let Reverse(Held { to, bytes, .. }) = self.held.pop()?;
            // A device refuses when its namespace has no room or the packet was damaged beyond
            // being IP; a link would lose both.
            let _ = self.devices[to].send(&bytes);
        }
    }
}

fn is_down(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::BADFD.raw_os_error())
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
