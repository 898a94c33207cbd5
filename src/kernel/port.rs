//! Who listens at a TCP port: `/proc/net/tcp` and `tcp6` name the socket, `/proc/PID/fd` the process
//! that has it (proc_pid_net(5), proc_pid_fd(5)). Without privilege only processes of the same user
//! tell what they have open.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `TCP_LISTEN` of `<netinet/tcp.h>`
const LISTEN: &str = "0A";

/// A process that has a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Its number.
    pub pid: u32,
    /// What it is called (`/proc/PID/comm`).
    pub name: String,
}

/// The process that listens where `address` cannot be bound, if it can be seen.
pub fn holder(address: SocketAddr) -> Option<PortHolder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let inode = tables.iter().flatten().find_map(|table| listening(table, address))?;
    let link = format!("socket:[{inode}]");
    let pid = fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut open = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        open.any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == link.as_str()))
            .then_some(pid)
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(PortHolder { pid, name: name.trim_end().to_owned() })
}

/// The inode of the socket that listens in the way of `address`: at it, or at all addresses.
fn listening(table: &str, address: SocketAddr) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (ip, port) = local.split_once(':')?;
        let ip = parse_ip(ip)?;
        let same = ip == address.ip() || ip.is_unspecified() || address.ip().is_unspecified();
        let port = u16::from_str_radix(port, 16).ok()?;
        (same && port == address.port() && *state == LISTEN).then(|| inode.parse().ok())?
    })
}

/// An address as these tables write it: words of the machine's own byte order, in hexadecimal.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn whoever_listens_is_found() {
        for ip in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            let Ok(listener) = TcpListener::bind(ip) else { continue };
            let address = listener.local_addr().expect("an address");
            let holder = holder(address).expect("it is seen");
            assert_eq!(holder.pid, std::process::id(), "{ip}");
            assert!(!holder.name.is_empty());
            drop(listener);
            assert_eq!(super::holder(address), None);
        }
    }

    #[test]
    fn only_a_listener_at_that_address_and_port_is_in_the_way() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F40 0200007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 11 1\n   \
                     1: 0200007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1\n   \
                     2: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1\n\
                     damaged\n";
        if cfg!(target_endian = "big") {
            return;
        }
        let at = |address: &str| listening(table, address.parse().expect("an address"));
        assert_eq!(at("127.0.0.1:8000"), Some(13));
        assert_eq!(at("127.0.0.2:8000"), Some(12));
        assert_eq!(at("127.0.0.3:8000"), None);
        assert_eq!(at("127.0.0.1:8001"), None);
    }
}
