mod faults;
mod folders;
mod hostile;
mod live;
mod members;
mod playing;
mod together;
mod world;
