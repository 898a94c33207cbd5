//! The options of sharing, which are the same wherever there is a screen.

use std::net::SocketAddr;

use clap::Args;

use super::values;
use crate::share::{ShareCode, ShareOptions};

/// Who may watch.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Sharing")]
#[group(skip)]
pub(super) struct ShareArgs {
    /// Let browsers watch, who connect to this address [default: 127.0.0.1:8001]
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    #[arg(num_args = 0..=1, default_missing_value = "127.0.0.1:8001")]
    share: Option<SocketAddr>,
    /// The code that viewers must know, 4 to 32 letters and digits [default: one that is drawn]
    #[arg(long, value_name = "CODE", value_parser = values::share_code)]
    code: Option<ShareCode>,
    /// A name by which viewers know this machine, beside its addresses
    #[arg(long, value_name = "NAME", value_parser = values::share_name)]
    share_name: Option<String>,
}

/// The same where no server has the option already.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[group(skip)]
pub(super) struct ShareWithLan {
    #[command(flatten)]
    share: ShareArgs,
    /// Allow addresses that other machines can reach
    #[arg(long)]
    lan: bool,
}

/// How the screen can be shared, and whether it is from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharePlan {
    /// How.
    pub options: ShareOptions,
    /// From the start.
    pub now: bool,
}

impl ShareArgs {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            share: self.share.or(below.share),
            code: self.code.or(below.code),
            share_name: self.share_name.or(below.share_name),
        }
    }

    /// What is to be done.
    pub(super) fn resolve(self, lan: bool) -> SharePlan {
        let address = self.share.unwrap_or(ShareOptions::ADDRESS);
        let options = ShareOptions { address, code: self.code, name: self.share_name, lan };
        SharePlan { options, now: self.share.is_some() }
    }
}

impl ShareWithLan {
    /// What is to be done.
    pub(super) fn resolve(self) -> SharePlan {
        self.share.resolve(self.lan)
    }
}
