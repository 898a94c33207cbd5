//! The `epollscope` program: parse, run, print the error, exit code.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use epollscope::cli::{CliRequest, parse};
use epollscope::error::{Error, NO_READER};
use epollscope::lesson::{check, child};
use epollscope::sys::standard::Stdout;
use epollscope::{measure, reference, replay, serve, share, teach, watch};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // A program whose standard error is gone too has nobody left to tell.
            let line = format!("epollscope: {error:#}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            let code = error.downcast_ref::<Error>().map_or(1, Error::exit_code);
            ExitCode::from(code)
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    match parse(std::env::args_os())? {
        CliRequest::Print(text) => print(&text),
        CliRequest::Manual => print(&reference::manual()),
        CliRequest::Check(check) => Ok(ExitCode::from(check::run(&check)?)),
        CliRequest::Compare(options) => Ok(ExitCode::from(measure::run(&options)?)),
        CliRequest::CaseProcess(parent) => Ok(ExitCode::from(child::serve(parent)?)),
        CliRequest::ShareProcess => Ok(ExitCode::from(share::serve()?)),
        CliRequest::Serve(options) => Ok(ExitCode::from(serve::run(&options)?)),
        CliRequest::Replay(options) => Ok(ExitCode::from(replay::run(&options)?)),
        CliRequest::Export(options) => Ok(ExitCode::from(replay::export(&options)?)),
        CliRequest::Watch(options) => Ok(ExitCode::from(watch::run(&options)?)),
        CliRequest::Lesson(options) => Ok(ExitCode::from(teach::run(&options)?)),
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    match Stdout::default().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(NO_READER.into()),
        printed => Ok(printed.map(|()| ExitCode::SUCCESS)?),
    }
}
