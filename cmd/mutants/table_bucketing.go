package main

// bucketing is who is served by the relay at a percentage.
func bucketing() []Mutant {
	const file, tests = "flags/bucket.go", "Bucket|Percentage|Ramps|Draws"
	return []Mutant{
		{File: file, Tests: tests, Mistake: "a tenth of the resolution", Old: "const buckets = 100_000", New: "const buckets = 10_000"},
		{File: file, Tests: tests, Mistake: "the caller at the edge is in", Old: "Bucket(flagKey, targetingKey) < threshold", New: "Bucket(flagKey, targetingKey) <= threshold"},
		{File: file, Tests: tests, Mistake: "the first callers are out instead of in", Old: "Bucket(flagKey, targetingKey) < threshold", New: "Bucket(flagKey, targetingKey) >= threshold"},
		{File: file, Tests: tests, Mistake: "the hash is scaled to half of the range", Old: "* uint64(n) >> 32", New: "* uint64(n) >> 33"},
		{File: file, Tests: tests, Mistake: "remainder in place of scaling", Old: "return uint32(uint64(h) * uint64(n) >> 32)", New: "return h % n"},
		{File: file, Tests: tests, Mistake: "the hash has a seed", Old: "return scale(murmur3.Sum32(stack[:n]), buckets)", New: "return scale(murmur3.SeedSum32(1, stack[:n]), buckets)"},
		{File: file, Tests: tests, Mistake: "long keys are hashed the other way round", Old: "murmur3.StringSum32(flagKey+targetingKey)", New: "murmur3.StringSum32(targetingKey+flagKey)"},
		{File: file, Tests: tests, Mistake: "all flags draw alike", Old: "n := copy(stack[:], flagKey)", New: "n := copy(stack[:], \"\")"},
		{File: file, Tests: tests, Mistake: "shares are cut off instead of rounded", Old: "math.Round(min(percentage, 100) * (buckets / 100))", New: "math.Floor(min(percentage, 100) * (buckets / 100))"},
		{File: file, Tests: tests, Mistake: "above 100 % wraps around", Old: "min(percentage, 100)", New: "percentage"},
	}
}
