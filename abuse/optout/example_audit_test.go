package optout_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/optout"
	"github.com/hueandcry/hueandcry/linkage"
)

func ExampleAudit() {
	ctx, clock := context.Background(), func() time.Time { return start }
	b, _ := optout.NewMemory(optout.Config{Clock: clock})
	_ = b.SetPurpose(ctx, "boris", linkage.Advertising, true)
	a, _ := optout.NewAudit(abuse.NewMemory(), optout.AuditConfig{Clock: clock})
	register, _ := a.Reads(b, "ads-export") // stands in linkage.Config.OptOut
	for _, account := range []string{"anna", "boris", "carla"} {
		_, _ = register.OptedOut(ctx, account, linkage.Advertising)
	}
	_ = register.Close(ctx)
	entries, _ := a.Entries(ctx, start, start.Add(time.Hour), 10)
	for _, e := range entries {
		fmt.Println(e.At.Format(time.DateOnly), e.Who, e.Purpose, e.Reads, "denied", e.Denied)
	}
	// Output:
	// 2026-11-23 ads-export advertising 3 denied 1
}
