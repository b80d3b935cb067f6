package watch

import (
	"context"
	"net/http"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// PartnerStatus is how a transmitter says that it stands. The zero PartnerStatus is none.
type PartnerStatus struct {
	Epoch uint32        // by its clock; 0 also before and after the agreement's time
	Time  time.Time     // its clock, in whole seconds, UTC
	Feeds []PartnerFeed // that it has, each once, in no order, at most 10,000
}

// PartnerFeed is one feed of a [PartnerStatus].
type PartnerFeed struct {
	Feed  linkage.FeedID
	Epoch uint32
	Last  uint64 // the number of its last batch; zero: it has none yet
}

const (
	statusHead = 4 + 8
	statusFeed = 16 + 4 + 8
	maxStatus  = 1 + statusHead + maxHeads*statusFeed
	latestTime = 253402300799 // the end of the year 9999, in seconds since 1970
)

// Status asks the partner how it stands. It is for whoever watches over both services: whether the partner
// can be reached, how far its clock is off, and how many batches there are beside those that
// [Receiver.Status] says were taken in. A receiver goes by nothing of it, since nobody has signed it: the
// connection alone says whose word it is. Errors are those of [Partner], or say that the answer is malformed.
func (c *Client) Status(ctx context.Context) (PartnerStatus, error) {
	_, out, err := c.do(ctx, asked{method: http.MethodGet, path: []string{"status"}, most: maxStatus})
	if err != nil {
		return PartnerStatus{}, err
	}
	if out, err = versioned(out); err != nil {
		return PartnerStatus{}, err
	}
	return parseStatus(out)
}

// parseStatus reads what the partner says, without the version.
func parseStatus(out []byte) (PartnerStatus, error) {
	if len(out) < statusHead || (len(out)-statusHead)%statusFeed != 0 {
		return PartnerStatus{}, errAnswer
	}
	p := &row{b: out}
	s := PartnerStatus{Epoch: p.u32()}
	now := p.u64()
	if now > latestTime {
		return PartnerStatus{}, errAnswer
	}
	s.Time = timeOf(now)
	seen := make(map[linkage.FeedID]bool, len(p.b)/statusFeed)
	for len(p.b) > 0 {
		f := PartnerFeed{p.id(), p.u32(), p.u64()}
		if seen[f.Feed] || f.Last > maxNumber {
			return PartnerStatus{}, errAnswer
		}
		seen[f.Feed] = true
		s.Feeds = append(s.Feeds, f)
	}
	return s, nil
}
