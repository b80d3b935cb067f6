package watch

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// maxSightings is how many signals of one partner about one account a decision weighs. The agreement
// bounds what a partner may say about one identifier, and not how many identifiers an account has: it
// must not be able to make a decision that no row can hold, for then the account could not be decided
// on at all, whatever other partners say. A signal has at most some 8 kB in a decision.
const maxSightings = 256

// crowded gives the live matches of an account that are too many to be weighed: of each partner all but
// those that are valid the longest. There are none in general.
func crowded(all []*match, now time.Time) map[*match]bool {
	if len(all) <= maxSightings {
		return nil
	}
	by := map[string][]*match{}
	for _, m := range all {
		if m.expire(now.Unix()); m.live() {
			by[m.partner] = append(by[m.partner], m)
		}
	}
	out := map[*match]bool{}
	for _, some := range by {
		slices.SortFunc(some, func(a, b *match) int {
			return cmp.Or(cmp.Compare(b.until, a.until), bytes.Compare(a.signal[:], b.signal[:]))
		})
		for _, m := range some[min(len(some), maxSightings):] {
			out[m] = true
		}
	}
	return out
}
