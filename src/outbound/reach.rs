//! Which addresses may be dialled for a file that somebody named by a URL. Everything that is not public is out of reach, unless
//! the installation lists it. **Invariant:** the address that was judged is the address that is dialled: the judge sits in the
//! HTTP client's own resolver, and an address written into a URL, which asks no resolver, is judged before.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Longer addresses are nobody's file.
pub const MAX_URL: usize = 4 * 1024;

/// Why an address is not fetched from: for the log; the caller is told no more than that it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    #[error("it is no address of a web server")]
    NoAddress,
    #[error("it is not https")]
    Scheme,
    #[error("it holds a user's name")]
    Userinfo,
    #[error("its port is no web server's")]
    Port,
    #[error("its host is a bare number")]
    Literal,
    #[error("its host is not among those allowed")]
    Host,
    #[error("it leads to an address that is not public")]
    Private,
}

/// What a private network may be reached at all the same: the installation's own list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Private {
    /// By its name: whatever it resolves to.
    Host(String),
    /// By its address: the network and how many of its bits count.
    Net(IpAddr, u8),
}

/// What may be reached. Without a list: public addresses alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    private: Vec<Private>,
}

/// Hosts, addresses and networks with commas between them: `files.intranet, 10.1.0.0/16, fd00::7`.
impl FromStr for Reach {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let private = items.map(private).collect::<Option<Vec<_>>>().ok_or(())?;
        Ok(Self { private })
    }
}

fn private(item: &str) -> Option<Private> {
    let (address, bits) = item.split_once('/').map_or((item, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.trim_matches(['[', ']']).parse::<IpAddr>() else {
        let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        return (bits.is_none() && item.bytes().all(name)).then(|| Private::Host(bare(item)));
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
    Some(Private::Net(address, bits))
}

/// A name as names are compared.
fn bare(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn in_net(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u32::from(one) ^ u32::from(other)).checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (u128::from(one) ^ u128::from(other)).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Networks of IPv4 that are not the public internet (IANA's special-purpose registry).
const NOT_PUBLIC: [(Ipv4Addr, u8); 14] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Within 2000::/3, which is all of IPv6 that is routed in public: protocols (Teredo and others, which embed IPv4), examples,
/// 6to4. Mapped, translated, local and multicast addresses lie outside of it.
const NOT_PUBLIC_6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_public(address: IpAddr) -> bool {
    let within = |net: IpAddr, bits| in_net(address, net, bits);
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC.iter().any(|(net, bits)| within((*net).into(), *bits)),
        IpAddr::V6(_) => {
            within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3)
                && !NOT_PUBLIC_6.iter().any(|(net, bits)| within((*net).into(), *bits))
        }
    }
}

/// Whether this machine itself has this address: a socket can be bound to no other.
fn is_own(address: IpAddr) -> bool {
    let binds = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
    // Where the system lets any address be bound, that tells nothing.
    binds(address) && !binds(Ipv4Addr::new(192, 0, 2, 1).into())
}

impl Reach {
    fn lists_name(&self, host: &str) -> bool {
        let host = bare(host);
        self.private.iter().any(|private| matches!(private, Private::Host(name) if *name == host))
    }

    fn lists_address(&self, address: IpAddr) -> bool {
        self.private.iter().any(|private| matches!(private, Private::Net(net, bits) if in_net(address, *net, *bits)))
    }

    /// Whether `host` may be dialled at this address.
    fn may_dial(&self, host: &str, address: IpAddr) -> bool {
        self.lists_name(host) || self.lists_address(address) || (is_public(address) && !is_own(address))
    }

    /// Whether an address may be asked at all. What its name resolves to is judged when it is dialled. `http`: whether https is
    /// not demanded. A host that is listed may be asked at any port, and without https.
    pub fn judge(&self, url: &Url, http: bool) -> Result<(), Blocked> {
        let (host, literal) = host(url)?;
        let listed = self.lists_name(host) || literal.is_some_and(|address| self.lists_address(address));
        match (url.scheme(), url.port_or_known_default()) {
            ("http" | "https", _) if listed => {}
            ("https", Some(443 | 8443)) => {}
            ("http", Some(80)) if http => {}
            ("https", _) => return Err(Blocked::Port),
            ("http", _) if http => return Err(Blocked::Port),
            _ => return Err(Blocked::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked::Userinfo);
        }
        self.judge_literal(url)?;
        if literal.is_some() && !listed { Err(Blocked::Literal) } else { Ok(()) }
    }

    /// Whether the address that is written into it, if one is, may be dialled.
    pub fn judge_literal(&self, url: &Url) -> Result<(), Blocked> {
        let (host, literal) = host(url)?;
        if literal.is_none_or(|address| self.may_dial(host, address)) { Ok(()) } else { Err(Blocked::Private) }
    }
}

/// Reads an address as browsers do.
pub fn read(text: &str) -> Result<Url, Blocked> {
    // Browsers drop tabs and line ends, and read a backslash as a slash: whoever writes those wants to be read twice.
    if text.len() > MAX_URL || text.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) {
        return Err(Blocked::NoAddress);
    }
    Url::parse(text).map_err(|_| Blocked::NoAddress)
}

fn host(url: &Url) -> Result<(&str, Option<IpAddr>), Blocked> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Blocked::NoAddress)?;
    Ok((host, host.trim_matches(['[', ']']).parse().ok()))
}

/// Addresses of a name.
pub type Found = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows them.
pub trait LookUp: Send + Sync + 'static {
    fn look_up(&self, host: &str) -> Found;
}

/// The machine's own resolver.
pub struct System;

impl LookUp for System {
    fn look_up(&self, host: &str) -> Found {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// The client's resolver: answers only with what may be dialled, or not at all.
pub struct Gate {
    pub reach: Arc<Reach>,
    pub names: Arc<dyn LookUp>,
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, found) = (Arc::clone(&self.reach), self.names.look_up(name.as_str()));
        Box::pin(async move {
            let found = found.await?;
            // One that is out of reach spoils them all: whoever mixes them means the other one.
            if found.iter().any(|address| !reach.may_dial(name.as_str(), *address)) {
                return Err(Box::<dyn Error + Send + Sync>::from(Blocked::Private));
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
#[path = "tests/reach.rs"]
mod tests;
