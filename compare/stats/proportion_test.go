package stats

import "testing"

func TestProportionGolden(t *testing.T) {
	i := ProportionInterval(0, 300, .05)
	near(t, "0 of 300, low", i.Low, 0, 0)
	near(t, "0 of 300, high", i.High, .02117, 5e-6)
	i = ProportionInterval(10, 1000, .05)
	near(t, "10 of 1000, low", i.Low, .00241, 5e-6)
	near(t, "10 of 1000, high", i.High, .02616, 5e-6)
}
