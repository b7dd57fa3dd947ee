mod faults;
mod hostile;
mod members;
mod playing;
mod together;
mod world;
