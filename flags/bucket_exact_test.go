package flags_test

import (
	"strconv"
	"testing"

	"cutover/flags"
)

// A caller in bucket b is out at b thousandths of a percent and in at b + 1,
// also where the percentage's nearest float64 is a little less than the decimal
// (1.001 * 1000 is 1000.9999999999999): shares are rounded, not cut off.
func TestPercentagesAreExactToTheBucket(t *testing.T) {
	for i := range 50_000 {
		key := "caller-" + strconv.Itoa(i)
		bucket := flags.Bucket(flags.KeyRelayPercentage, key)
		if at := float64(bucket) / 1000; flags.Included(flags.KeyRelayPercentage, key, at) {
			t.Errorf("bucket %d is in at %v %%, want out", bucket, at)
		}
		if above := float64(bucket+1) / 1000; !flags.Included(flags.KeyRelayPercentage, key, above) {
			t.Errorf("bucket %d is out at %v %%, want in", bucket, above)
		}
	}
}
