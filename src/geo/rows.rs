//! The CSV files of networks: `cidr,country,class` (the operator's own) and `cidr,class` (lists of classes).
//!
//! Read whole or not at all: each bad row is reported with its line, and one bad row refuses the file. A line that
//! starts with `#` is a comment.

use std::net::IpAddr;
use std::path::Path;

use csv::StringRecord;
use csv::Trim;
use ipnet::IpNet;
use ipnet::Ipv4Net;

use crate::model::AddressClass;
use crate::model::AddressClasses;
use crate::model::CountryReading;

use super::address::embedded;
use super::error::GeoError;
use super::prefix::PrefixTable;
use super::record::Facts;
use super::record::read_country;

/// Bad rows listed of one file.
const LISTED: usize = 20;

/// The operator's networks: the longest prefix decides country and class both.
///
/// # Errors
/// Each row that cannot be read, and each network given twice with different answers.
pub(super) fn networks(path: &Path, bytes: &[u8]) -> Result<PrefixTable<Facts>, Vec<GeoError>> {
    let mut rows = read(path, bytes, "cidr,country,class", |row| {
        let text = row.field(1);
        let country = match read_country(text) {
            CountryReading::Unreadable => {
                let (path, line) = (path.to_owned(), row.line);
                return Err(GeoError::Country { path, line, text: text.to_owned() });
            }
            country => country,
        };
        Ok(Facts { classes: row.classes(path, 2)?, country })
    })?;
    rows.sort_by_key(|(network, line, _)| (*network, *line));
    let duplicates: Vec<_> = rows
        .iter()
        .zip(rows.iter().skip(1))
        .filter(|(one, other)| one.0 == other.0 && one.2 != other.2)
        .map(|(one, other)| GeoError::Duplicate {
            path: path.to_owned(),
            line: other.1,
            network: other.0.to_string(),
            first: one.1,
        })
        .take(LISTED)
        .collect();
    if duplicates.is_empty() { Ok(table(&rows, |_, inner| inner)) } else { Err(duplicates) }
}

/// A list of classes: whatever covers an address adds its own.
///
/// # Errors
/// Each row that cannot be read or names no class.
pub(super) fn classes(
    path: &Path,
    bytes: &[u8],
) -> Result<PrefixTable<AddressClasses>, Vec<GeoError>> {
    let rows = read(path, bytes, "cidr,class", |row| {
        let classes = row.classes(path, 1)?;
        if classes.is_empty() {
            let (path, line) = (path.to_owned(), row.line);
            return Err(GeoError::Class { path, line, text: String::new() });
        }
        Ok(classes)
    })?;
    Ok(table(&rows, AddressClasses::union))
}

fn table<T: Copy>(rows: &[(IpNet, u64, T)], nest: impl Fn(T, T) -> T) -> PrefixTable<T> {
    let rows: Vec<_> = rows.iter().map(|(network, _, value)| (*network, *value)).collect();
    PrefixTable::new(&rows, nest)
}

/// Network, line and value of each row.
fn read<T>(
    path: &Path,
    bytes: &[u8],
    header: &'static str,
    value: impl Fn(&Row<'_>) -> Result<T, GeoError>,
) -> Result<Vec<(IpNet, u64, T)>, Vec<GeoError>> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(Trim::All)
        .from_reader(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes));
    let csv = |source| GeoError::Csv { path: path.to_owned(), source };
    let found = reader.headers().map_err(|error| vec![csv(error)])?;
    if !found.iter().eq(header.split(',')) {
        let text = found.iter().collect::<Vec<_>>().join(",");
        return Err(vec![GeoError::Header { path: path.to_owned(), text, expected: header }]);
    }
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let read = match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let row =
                    Row { line: record.position().map_or(0, csv::Position::line), record: &record };
                row.network(path).and_then(|network| Ok((network, row.line, value(&row)?)))
            }
            Err(source) => Err(csv(source)),
        };
        match read {
            Ok(row) => rows.push(row),
            Err(_) if problems.len() >= LISTED => {
                problems.push(GeoError::TooMany { path: path.to_owned(), listed: LISTED });
                break;
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

struct Row<'a> {
    line: u64,
    record: &'a StringRecord,
}

impl Row<'_> {
    fn field(&self, at: usize) -> &str {
        self.record.get(at).unwrap_or_default()
    }

    /// The row's network; a bare address is the network of itself.
    fn network(&self, path: &Path) -> Result<IpNet, GeoError> {
        let text = self.field(0);
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| GeoError::Network {
                path: path.to_owned(),
                line: self.line,
                text: text.to_owned(),
            })?;
        if network.trunc() != network {
            return Err(GeoError::HostBits {
                path: path.to_owned(),
                line: self.line,
                text: text.to_owned(),
                instead: network.trunc().to_string(),
            });
        }
        Ok(unwrapped(network))
    }

    fn classes(&self, path: &Path, at: usize) -> Result<AddressClasses, GeoError> {
        self.field(at)
            .split(';')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                AddressClass::parse(name).ok_or_else(|| GeoError::Class {
                    path: path.to_owned(),
                    line: self.line,
                    text: name.to_owned(),
                })
            })
            .collect()
    }
}

/// The IPv4 network that an IPv4-mapped, NAT64 or 6to4 network stands for: addresses are unwrapped before they are
/// looked up, so the network as written would never be found.
fn unwrapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let Some((address, before)) = embedded(v6.network()) else { return network };
    // A network longer than the embedded address (part of one host's 6to4 range) means that host.
    match v6.prefix_len().checked_sub(before).map(|length| Ipv4Net::new(address, length.min(32))) {
        Some(Ok(v4)) => IpNet::V4(v4),
        Some(Err(_)) | None => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks_of(text: &str) -> Result<PrefixTable<Facts>, Vec<String>> {
        networks(Path::new("networks.csv"), text.as_bytes())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn find(table: &PrefixTable<Facts>, address: &str) -> Option<(String, Vec<&'static str>)> {
        table.find(address.parse().unwrap()).map(|facts| {
            let country = match facts.country {
                CountryReading::Read(country) => country.to_string(),
                other => format!("{other:?}"),
            };
            (country, facts.classes.iter().map(AddressClass::as_str).collect())
        })
    }

    #[test]
    fn the_longest_prefix_decides_country_and_class() {
        let table = networks_of(
            "\u{feff}cidr,country,class\n# ours\n10.0.0.0/8,Germany, \n10.1.0.0/16,us,vpn; hosting\n10.1.2.3,,vpn\n\
             2001:db8::/32,PR,\n::ffff:192.0.2.0/120,FR,\n2002:c633:6400::/40,IT,\n",
        )
        .unwrap();
        for (address, country, classes) in [
            ("10.0.0.1", "DE", &[][..]),
            ("10.1.0.1", "US", &["hosting", "vpn"]),
            ("10.1.2.3", "Missing", &["vpn"]),
            ("2001:db8::1", "PR", &[]),
            ("192.0.2.9", "FR", &[]),
            ("198.51.100.9", "IT", &[]),
        ] {
            assert_eq!(
                find(&table, address),
                Some((country.to_owned(), classes.to_vec())),
                "{address}"
            );
        }
        assert_eq!(find(&table, "11.0.0.1"), None);
    }

    #[test]
    fn each_bad_row_is_named_with_its_line_and_refuses_the_file() {
        let problems = networks_of(
            "cidr,country,class\n10.0.0.0/8,DE,\n10.0.0.0/33,DE,\n10.0.0.1/8,DE,\n11.0.0.0/8,Germoney,\n\
             12.0.0.0/8,DE,VPN\n13.0.0.0/8,DE\n",
        )
        .unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:#?}");
        for (problem, expect) in problems.iter().zip([
            "networks.csv:3: `10.0.0.0/33` is no network",
            "networks.csv:4: `10.0.0.1/8` has bits set behind its prefix: write `10.0.0.0/8`",
            "networks.csv:5: `Germoney` is no country",
            "networks.csv:6: `VPN` is no class",
            "networks.csv: CSV error: record 6 (line: 7",
        ]) {
            assert!(problem.starts_with(expect), "{problem}");
        }
    }

    #[test]
    fn a_network_given_twice_must_say_the_same() {
        assert!(networks_of("cidr,country,class\n10.0.0.0/8,DE,\n10.0.0.0/8,Germany,\n").is_ok());
        let problems =
            networks_of("cidr,country,class\n10.0.0.0/8,DE,\n10.0.0.0/8,US,\n").unwrap_err();
        assert_eq!(
            problems,
            ["networks.csv:3: `10.0.0.0/8` is given again, with another answer than in line 2"]
        );
    }

    #[test]
    fn a_file_without_its_header_is_refused() {
        for text in ["", "10.0.0.0/8,DE,\n", "cidr,class\n10.0.0.0/8,vpn\n"] {
            assert!(networks_of(text).unwrap_err()[0].contains("it must be `cidr,country,class`"));
        }
    }

    #[test]
    fn a_hopeless_file_lists_its_first_problems_only() {
        let text = format!("cidr,country,class\n{}", "x,DE,\n".repeat(1000));
        let problems = networks_of(&text).unwrap_err();
        assert_eq!(problems.len(), LISTED + 1);
        assert!(problems[LISTED].contains("more than 20 bad rows"));
    }

    #[test]
    fn class_lists_add_up() {
        let path = Path::new("classes.csv");
        let text = b"cidr,class\n10.0.0.0/8,vpn\n10.1.0.0/16,hosting\n10.0.0.0/8,tor\n";
        let table = classes(path, text).unwrap();
        let found = table.find("10.1.0.1".parse().unwrap()).unwrap();
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            [AddressClass::Hosting, AddressClass::Tor, AddressClass::Vpn]
        );
        assert!(classes(path, b"cidr,class\n10.0.0.0/8,\n").is_err());
    }
}
