package main

// bucketing is who is served by the relay at a percentage.
func bucketing() []Mutant {
	return in("flags/bucket.go", "Bucket|Percentage|Ramps|Draws",
		mistake{"a tenth of the resolution", "const buckets = 100_000", "const buckets = 10_000"},
		mistake{"the caller at the edge is in", "Bucket(flagKey, targetingKey) < threshold", "Bucket(flagKey, targetingKey) <= threshold"},
		mistake{"the last callers are in first", "Bucket(flagKey, targetingKey) < threshold", "Bucket(flagKey, targetingKey) >= threshold"},
		mistake{"the hash is scaled to half of the range", "* uint64(n) >> 32", "* uint64(n) >> 33"},
		mistake{"remainder in place of scaling", "return uint32(uint64(h) * uint64(n) >> 32)", "return h % n"},
		mistake{"the hash has a seed", "murmur3.Sum32(stack[:n])", "murmur3.SeedSum32(1, stack[:n])"},
		mistake{"long keys are hashed the other way round", "murmur3.StringSum32(flagKey+targetingKey)",
			"murmur3.StringSum32(targetingKey+flagKey)"},
		mistake{"all flags draw alike", "n := copy(stack[:], flagKey)", `n := copy(stack[:], "")`},
		mistake{"shares are cut off instead of rounded", "math.Round(min(percentage, 100) * (buckets / 100))",
			"math.Floor(min(percentage, 100) * (buckets / 100))"},
		mistake{"above 100 % wraps around", "min(percentage, 100)", "percentage"},
	)
}
