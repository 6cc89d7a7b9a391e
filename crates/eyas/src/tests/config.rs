//! Every wrong setting is named, with where it stands and what to do.

use std::collections::BTreeMap;
use std::path::Path;

use gateway::Quota;

use crate::cli::Overrides;
use crate::config::{self, Config};

fn load(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        std::fs::write(dir.path().join("eyas.toml"), text).unwrap();
    }
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    config::survey(None, &variables, &Overrides::default(), dir.path())
        .outcome
        .map_err(|error| error.to_string().replace(&dir.path().display().to_string(), "DIR"))
}

#[test]
fn without_any_configuration_the_defaults_hold() {
    let config = load(None, &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir, Path::new("eyas-data"));
    assert_eq!(config.store, crate::store_config::StoreConfig::Sqlite("eyas.db".to_owned()));
    assert!(config.warnings.is_empty());
}

#[test]
fn the_environment_overrides_the_file() {
    let file = "listen = \"127.0.0.1:1\"\ndata_dir = \"data\"\n[queue]\nkind = \"embedded\"\n";
    let config = load(Some(file), &[("EYAS_LISTEN", "[::1]:2")]).unwrap();
    assert_eq!(config.listen.to_string(), "[::1]:2");
    assert!(config.data_dir.is_absolute(), "relative to the file: {:?}", config.data_dir);
}

#[test]
fn all_problems_are_reported_at_once() {
    let file = "lisen = \"x\"\n[queue]\nkind = \"rabbit\"\n[store]\nurl = \"mysql://x\"\n";
    let error = load(Some(file), &[("EYAS_LISTEN", "0.0.0.0")]).unwrap_err();
    for part in [
        "DIR/eyas.toml: unknown key `lisen`; did you mean `listen`?",
        "queue.kind = \"rabbit\"",
        "store.url = \"mysql://x\"",
        "EYAS_LISTEN: listen = \"0.0.0.0\" is not an address and a port",
    ] {
        assert!(error.contains(part), "{part} is missing in {error}");
    }
}

#[test]
fn an_unknown_variable_only_warns() {
    let config = load(None, &[("EYAS_LISTNE", "127.0.0.1:1"), ("EYAS_URL", "http://x")]).unwrap();
    assert_eq!(config.warnings, ["EYAS_LISTNE means nothing here; did you mean EYAS_LISTEN?"]);
}

#[test]
fn broken_toml_is_named_by_line() {
    let error = load(Some("listen = \"127.0.0.1:1\"\ndata_dir = \n"), &[]).unwrap_err();
    assert!(error.contains("DIR/eyas.toml:2: "), "{error}");
}

#[test]
fn the_host_of_the_public_url_is_allowed() {
    let config = load(None, &[("EYAS_PUBLIC_URL", "https://eyas.example.com:444/")]).unwrap();
    assert_eq!(config.public_url.as_deref(), Some("https://eyas.example.com:444"));
    assert!(config.allowed_hosts.contains(&"eyas.example.com".to_owned()));
    assert!(load(None, &[("EYAS_PUBLIC_URL", "eyas.example.com")]).is_err());
}

#[test]
fn the_reserve_is_a_size_in_words() {
    let reserve = |text: &str| {
        let file = format!("[disk]\nreserve = \"{text}\"\n");
        load(Some(&file), &[]).map(|config| config.disk_reserve_bytes)
    };
    assert_eq!(load(None, &[]).unwrap().disk_reserve_bytes, 512 << 20);
    for (text, bytes) in [("0", 0), ("2GiB", 2 << 30), ("64 MiB", 64 << 20), ("4096B", 4096)] {
        assert_eq!(reserve(text), Ok(bytes), "{text}");
    }
    for text in ["", "much", "1.5GiB", "-1", "9999999999TiB", "12 parsecs"] {
        assert!(reserve(text).is_err_and(|error| error.contains("like 512MiB")), "{text}");
    }
}

#[test]
fn the_delay_is_a_time_with_its_unit() {
    let delay = |text: &str| {
        load(None, &[("EYAS_DRAIN_DELAY", text)]).map(|config| config.drain_delay.as_millis())
    };
    assert_eq!((delay("0"), delay("500ms"), delay("5m")), (Ok(0), Ok(500), Ok(300_000)));
    for text in ["", "5", "6m", "soon"] {
        assert!(delay(text).is_err(), "{text}");
    }
}

#[test]
fn a_rate_and_its_burst_are_numbers_of_events() {
    let quota = |text: &str| load(Some(&format!("[limits]\n{text}\n")), &[]).map(|it| it.rates);
    let said = |quota: Option<Quota>| quota.map(|it| (it.events_per_s(), it.burst()));
    let rates = quota("").unwrap();
    assert_eq!((said(rates.per_token), said(rates.per_address)), (None, None));
    assert_eq!(said(rates.refusals), Some((10, 100)));
    for (text, wanted) in [
        ("rate = 0", None),
        ("rate = 100", Some((100, 200))),
        ("rate = \"100/s\"\nburst = 7", Some((100, 7))),
        ("rate = 1_000_000", Some((1_000_000, 1_000_000))),
    ] {
        assert_eq!(said(quota(text).unwrap().per_token), wanted, "{text}");
    }
    assert_eq!(said(quota("refusals_rate = 3").unwrap().refusals), Some((3, 100)));
    assert_eq!(said(quota("refusals_rate = 0").unwrap().refusals), None);
    for (text, words) in [
        ("rate = -1", "limits.rate"),
        ("rate = \"fast\"", "0 is no limit"),
        ("rate = 1_000_001", "up to 1000000"),
        ("burst = 5", "without a rate"),
        ("rate = 1\nburst = \"x\"", "limits.burst"),
        ("speed = 5", "limits."),
    ] {
        let error = quota(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn every_key_is_shown_with_where_it_comes_from_and_without_its_secrets() {
    let variables = BTreeMap::from([("EYAS_STORE_URL".to_owned(), "x://u:p@w@h/d".to_owned())]);
    let dir = tempfile::tempdir().unwrap();
    let survey = config::survey(None, &variables, &Overrides::default(), dir.path());
    assert!(survey.outcome.unwrap_err().problems.iter().all(|problem| !problem.contains("p@w")));
    for shown in survey.shown {
        let (value, source) = (shown.value.as_str(), shown.source.as_str());
        match shown.key.as_str() {
            "store.url" => assert_eq!((value, source), ("x://u:***@h/d", "EYAS_STORE_URL")),
            _ => assert_eq!(source, "default", "{value}"),
        }
        assert!(shown.variable.starts_with("EYAS_"));
    }
}

#[test]
fn the_defaults_that_are_shown_are_those_that_hold() {
    let dir = tempfile::tempdir().unwrap();
    let none = BTreeMap::new();
    let shown = config::survey(None, &none, &Overrides::default(), dir.path()).shown;
    // `public_url` and `data_dir` are shown in words that depend on other things.
    let is_literal = |key: &str| !matches!(key, "public_url" | "data_dir");
    let said: Vec<(&str, &str)> = (shown.iter().filter(|one| is_literal(&one.key)))
        .map(|one| (one.variable, one.value.as_str()))
        .collect();
    assert_eq!(load(None, &said), load(None, &[]));
}

#[test]
fn each_stream_has_an_age_in_words() {
    let file = "[retention]\nevents = \"90d\"\n\"sensors.eu\" = \"12h\"\norders = \"forever\"\ndefault = \"2s\"\n";
    let rules = load(Some(file), &[]).unwrap().retention;
    let seconds = |stream| rules.age_of(stream).map(|age| age.as_secs());
    assert_eq!(seconds("events"), Some(90 * 86_400));
    assert_eq!(
        (seconds("sensors.eu"), seconds("orders"), seconds("others")),
        (Some(43_200), None, Some(2))
    );
    let rules = load(Some(file), &[("EYAS_RETENTION_DEFAULT", "forever")]).unwrap().retention;
    assert_eq!(rules.default, None);
    assert!(!load(None, &[]).unwrap().retention.is_on(), "off by default");
}

#[test]
fn a_wrong_age_is_named_with_what_is_allowed() {
    for (line, words) in [
        ("events = \"soon\"", "retention.events = \"soon\" is not an age with its unit, like 90d"),
        ("events = \"0\"", "retention.events = \"0\" is not between 1s and 36500d"),
        ("events = \"999ms\"", "is not between"),
        ("events = 90", "`retention.events` must be a stream and its age"),
        ("a.b = \"1d\"", "a name with a dot wants quotes"),
        ("Events = \"1d\"", "`retention.Events` must be a stream"),
        ("default = \"1y\"", "retention.default = \"1y\" is not an age"),
        ("default = 7", "retention.default = \"7\" is not an age"),
    ] {
        let error = load(Some(&format!("[retention]\n{line}\n")), &[]).unwrap_err();
        assert!(error.contains(words), "{line}: {error}");
    }
}

#[test]
fn ages_of_streams_are_shown_with_the_other_keys() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("eyas.toml"), "[retention]\norders = \"7d\"\n").unwrap();
    let survey = config::survey(None, &BTreeMap::new(), &Overrides::default(), dir.path());
    let shown = |key: &str| survey.shown.iter().find(|shown| shown.key == key).cloned().unwrap();
    assert_eq!(shown("retention.default").value, "forever");
    let orders = shown("retention.orders");
    assert_eq!(orders.value, "7d");
    assert!(orders.source.ends_with("eyas.toml"), "{}", orders.source);
}
