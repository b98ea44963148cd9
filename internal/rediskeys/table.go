package rediskeys

// Key describes one kind of key to people: operators and the reference page.
type Key struct {
	Name      string // with the variable parts in capitals: "cutover:{NS}:bucket:TIME"
	Type      string // Redis's own word, or "channel"
	What      string // what it holds
	Expiry    string // when Redis drops it, or what caps it
	WrittenBy string
}

// All lists every kind of key, the flags' first.
func All() []Key {
	n := Names{"cutover:{NS}:"}
	const (
		sidecars = "sidecars"
		flips    = "whoever sets a flag: `cutover flags`, the admin API, a rollout"
		hour     = "an hour after the last use"
	)
	return []Key{
		{n.Flags(), "hash", "flag key to value: a scalar, or a flagd definition in JSON", "never", flips + ", or redis-cli"},
		{n.FlagsVersion(), "string", "integer that counts writes to the flags", "never", flips},
		{
			n.FlagsAudit(), "stream", "flag, old, new, who, why, at, version; undoes or unaudited where they apply",
			"capped at about 10,000 entries and 400 days", flips + "; sidecars record changes made by hand",
		},
		{n.FlagsMeta(), "hash", "flag key to JSON {v, who, why, at, version}: the value last audited", "never", "as the audit"},
		{n.FlagsEvents(), "channel", "the new version, after each audited write", "not stored", "as the audit"},
		{n.Results(), "stream", "latest comparison results, JSON in field r", "capped at 1,000 entries", sidecars},
		{
			n.Bucket("TIME"), "hash", "process to summary (JSON) of the results since TIME (RFC 3339, UTC)",
			"90 days after TIME", sidecars + ", each in a field of its own",
		},
		{
			n.Sample("ID"), "string", "one sampled pair with its bodies, encrypted where a key is set",
			"`capture.retention` after the request", sidecars,
		},
		{n.Samples("CLASS"), "sorted set", "ids of the samples of a class, by score", "capped at `capture.samples` ids", sidecars},
		{n.Salt(), "string", "32 random bytes: the key of the hashes that stand for people in redacted samples", "never", sidecars},
		{
			n.Spent("DAY"), "string", "millionths of a dollar spent on shadow requests on DAY",
			"72 h after the last write", sidecars,
		},
		{
			n.Leases("DAY"), "hash", "sidecar to the part of DAY's budget that it may spend, when that lease ends (milliseconds) and its " +
				"last booking",
			"72 h after the last write; a lease a minute after it was renewed", sidecars,
		},
		{
			n.Owner("ID"), "string", "upstream that created an object: `primary` or `relay`",
			"30 days after it was last seen; 3 days for stored responses and chat completions; at most 36,000 an hour from one sidecar", sidecars,
		},
		{n.Limit("UPSTREAM"), "hash", "rpm, tpm: when each bucket is full again; at: when written (microseconds)", hour, sidecars},
		{n.LimitMembers("UPSTREAM"), "sorted set", "sidecar to when it was last seen (microseconds)", hour, sidecars},
		{n.LimitSlots("UPSTREAM"), "hash", "sidecar to calls it may have under way; `*`: the sum", hour, sidecars},
	}
}
