//! The rules of the machine, each as a short script.

mod control;
mod files;
mod harvest;
mod net;
mod rings;
mod script;
mod selftest;
mod threads;
mod window;
