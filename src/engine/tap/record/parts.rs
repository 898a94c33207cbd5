//! Parts of events that several kinds of records have.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::{INET, INET6, Record, WIDTH};
use crate::event::{Head, Peer, WakeupLog};

pub(super) fn decode_log(log: u32) -> WakeupLog {
    match log {
        1 => WakeupLog::Drained,
        2 => WakeupLog::Skipped,
        _ => WakeupLog::Off,
    }
}

pub(super) fn decode_bytes(count: usize, rest: &[Record]) -> Head {
    let mut head = Head::new();
    for record in rest {
        let left = count.saturating_sub(head.len());
        head.extend_from_slice(&record.bytes()[..left.min(WIDTH)]);
    }
    head
}

pub(super) fn decode_peer(kind: u32, rest: &[Record]) -> Peer {
    let Some((first, more)) = rest.split_first() else { return Peer::Unknown };
    match kind {
        INET | INET6 => {
            let mut ip = [0; 16];
            ip.copy_from_slice(&first.bytes()[..16]);
            let ip = Ipv6Addr::from(u128::from_ne_bytes(ip));
            let (port, scope) = (u16::try_from(first.0[4]).unwrap_or(0), first.0[5]);
            Peer::Inet(match (kind, ip.to_ipv4_mapped()) {
                (INET, Some(v4)) => SocketAddr::new(IpAddr::V4(v4), port),
                _ => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
            })
        }
        _ => {
            let name = decode_bytes(usize::try_from(first.0[1]).unwrap_or(0), more);
            let name = String::from_utf8_lossy(&name).into_owned().into_boxed_str();
            Peer::Unix { name, pid: first.0[0] }
        }
    }
}
