// Package rediskeys names every key that the product keeps in Redis. Nothing
// else builds a key, so that two packages never use one name for two things,
// and so that an operator's ACL and a backup have one list to go by: All.
//
// The braces in "cutover:{NAMESPACE}:" are a Redis Cluster hash tag: all keys
// of one namespace live in one slot, which lets one script or transaction touch
// several of them.
package rediskeys

// DefaultNamespace separates nothing: it is for a Redis that serves one fleet.
const DefaultNamespace = "default"

// Names builds the keys of one namespace. The zero value is not usable: see In.
type Names struct{ prefix string }

// In returns the names of a namespace; "" is DefaultNamespace.
func In(namespace string) Names {
	if namespace == "" {
		namespace = DefaultNamespace
	}
	return Names{"cutover:{" + namespace + "}:"}
}

// Flags is the hash of flag key to stored value.
func (n Names) Flags() string { return n.prefix + "flags" }

// FlagsVersion is the integer that counts writes to the flags.
func (n Names) FlagsVersion() string { return n.prefix + "version" }

// FlagsAudit is the stream of changes to flags.
func (n Names) FlagsAudit() string { return n.prefix + "audit" }

// FlagsMeta is the hash of flag key to who wrote its value.
func (n Names) FlagsMeta() string { return n.prefix + "meta" }

// FlagsEvents is the pub/sub channel that announces a new version.
func (n Names) FlagsEvents() string { return n.prefix + "events" }

// Results is the stream of the latest comparison results.
func (n Names) Results() string { return n.prefix + "results" }

// Bucket is the hash of process to summary for the time that a bucket begins at,
// written as RFC 3339 in UTC; "" for the beginning that all buckets share.
func (n Names) Bucket(time string) string { return n.prefix + "bucket:" + time }

// Sample is one sampled pair; "" for the beginning that all samples share.
func (n Names) Sample(id string) string { return n.prefix + "sample:" + id }

// Samples is the sorted set of the ids of one class of samples.
func (n Names) Samples(class string) string { return n.prefix + "samples:" + class }

// Salt is the key of the hashes that stand for people in samples.
func (n Names) Salt() string { return n.prefix + "salt" }

// Spent is what shadow requests of one day have cost.
func (n Names) Spent(day string) string { return n.prefix + "spent:" + day }

// Leases are the parts of one day's budget that sidecars hold.
func (n Names) Leases(day string) string { return n.prefix + "leases:" + day }

// Owner says which provider created an object (a file, a batch, a response).
func (n Names) Owner(id string) string { return n.prefix + "owner:" + id }

// Limit is the rate of one upstream, as the fleet shares it.
func (n Names) Limit(upstream string) string { return n.prefix + "limit:" + upstream }

// LimitMembers are the sidecars that share the limits of one upstream.
func (n Names) LimitMembers(upstream string) string { return n.Limit(upstream) + ":members" }

// LimitSlots are the calls under way to one upstream, by sidecar.
func (n Names) LimitSlots(upstream string) string { return n.Limit(upstream) + ":slots" }
