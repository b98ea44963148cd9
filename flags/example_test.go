package flags_test

import (
	"context"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/rs/zerolog"

	"cutover/flags"
)

// Any Go program can read the flags through OpenFeature. With Redis instead of
// configuration: Options{Redis: &flags.RedisOptions{URL: "redis://127.0.0.1:6379"}}.
func ExampleNewProvider() {
	ctx := context.Background()
	quarter := 25.0
	provider, err := flags.NewProvider(ctx, flags.Options{
		Initial: flags.Values{RelayPercentage: &quarter},
		Logger:  zerolog.Nop(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := openfeature.SetNamedProviderAndWait("rollout", provider); err != nil {
		fmt.Println(err)
		return
	}
	defer openfeature.Shutdown() // ends the provider too

	client := openfeature.NewClient("rollout")
	who := openfeature.NewEvaluationContext("user-1", map[string]any{"model": "gpt-4o"})
	share, err := client.FloatValue(ctx, flags.KeyRelayPercentage, 0, who)
	fmt.Println(share, err)
	fmt.Println(flags.Included(flags.KeyRelayPercentage, "user-1", share))
	// Output:
	// 25 <nil>
	// false
}
