//! How many files and connections the process may have open.

/// Raises the soft limit of open files to the hard one: connections, and the segment files of thousands of partitions,
/// need more than the 1,024 that many systems begin with. Only a warning when that fails, since few of either need none.
pub fn raise_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit writes to the struct it is given, which lives longer than the call.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if read != 0 || limit.rlim_cur >= limit.rlim_max {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: setrlimit only reads the struct it is given.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        let error = std::io::Error::last_os_error();
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}
