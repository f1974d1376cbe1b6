//! Receivers and relays that misbehave: the program against small servers in this process, each with one oddity that real ones were seen to have.
//!
//! Most of a scenario's time is spent waiting, so all run at once, whatever number of threads the test harness has; each `#[test]` only asks how
//! its own went. With a filter on the command line only those that are asked for run.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test asserts by panicking"
)]

mod account;
mod finding;
mod imap;
mod landfall;
mod load;
mod refusals;
mod restart;
mod smtp;
mod sweep;

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};
use std::thread::JoinHandle;

type Running = Mutex<BTreeMap<&'static str, JoinHandle<()>>>;

/// Declares a test for each scenario.
macro_rules! scenarios {
    ($($module:ident: $($name:ident)*;)*) => {
        static RUNNING: LazyLock<Running> = LazyLock::new(|| start(&[$($((stringify!($name), $module::$name as fn())),*),*]));

        $($(
            #[test]
            fn $name() {
                finish(stringify!($name));
            }
        )*)*
    };
}

scenarios! {
    refusals:
        a_list_of_nothing_is_no_list
        a_list_without_the_inbox_is_no_list
        an_inbox_that_cannot_be_selected_is_no_inbox
        a_list_that_is_whole_again_is_believed
        an_inbox_that_may_not_be_read_is_not_searched
        a_junk_folder_that_may_not_be_read_is_not_searched
        a_forbidden_or_vanished_folder_does_not_stop_the_sweep
        a_junk_folder_that_refuses_makes_no_login_storm
        a_server_that_refuses_to_delete_makes_no_login_storm;
    finding:
        a_relay_that_strips_the_headers_leaves_the_token_in_the_body
        a_folder_that_was_rebuilt_is_read_anew
        a_server_without_uidnext_is_read_all_the_same
        a_gmail_tab_is_a_category
        a_gmail_copy_is_deleted_once_it_has_been_kept
        a_view_shows_no_second_copy
        a_slow_clock_makes_no_copy_late;
    sweep:
        a_copy_that_comes_during_a_sweep_is_in_the_inbox
        a_copy_that_moves_during_a_sweep_is_not_missing;
    load:
        an_idle_that_ends_at_once_is_replaced_by_polling
        a_flood_of_news_neither_floods_back_nor_starves_others
        a_route_that_hangs_piles_nothing_up;
    restart:
        a_key_that_vanishes_makes_seeds_unsent
        a_deferred_seed_without_its_route_is_refused;
}

/// Starts every scenario that the command line asks for, by the harness's rule: a word is part of the name, or with `--exact` all of it.
fn start(scenarios: &[(&'static str, fn())]) -> Running {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let spawn = |&(name, scenario): &(&'static str, fn())| {
        (name, std::thread::Builder::new().name(name.to_owned()).spawn(scenario).unwrap())
    };
    Mutex::new(scenarios.iter().filter(|(name, _)| wanted(name)).map(spawn).collect())
}

/// Waits for the end of a scenario; fails as it did.
fn finish(name: &str) {
    let running = RUNNING.lock().unwrap().remove(name).expect("the harness runs what was asked for, and once");
    if let Err(panic) = running.join() {
        // The harness gave what the thread said to whichever test started it, so it is said again.
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        panic!("{}", text.unwrap_or("it failed without a word"));
    }
}
