package watch

import (
	"slices"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

const (
	maxAnswers     = 4096
	maxAnswerBytes = 16 << 20
	answerLife     = 2 * time.Minute
)

// answers keeps what was answered lately, for clients that did not get it and ask again.
type answers struct {
	mu    sync.Mutex
	all   map[[32]byte]kept
	order []named // oldest first
	bytes int
}

type kept struct {
	body []byte
	at   time.Time
}

type named struct {
	name [32]byte
	at   time.Time
}

func newAnswers() *answers { return &answers{all: map[[32]byte]kept{}} }

func (a *answers) get(name [32]byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.all[name]
	if time.Since(k.at) > answerLife {
		return nil
	}
	return k.body
}

func (a *answers) put(name [32]byte, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.bytes += len(body) - len(a.all[name].body)
	a.all[name] = kept{body, now}
	a.order = append(a.order, named{name, now})
	for len(a.order) > 0 && (len(a.all) > maxAnswers || a.bytes > maxAnswerBytes || now.Sub(a.order[0].at) > answerLife) {
		first := a.order[0]
		a.order = a.order[1:]
		if k, ok := a.all[first.name]; ok && k.at.Equal(first.at) {
			a.bytes -= len(k.body)
			delete(a.all, first.name)
		}
	}
}

// batchCache keeps the batches that were read last: all followers of a feed ask for the same.
type batchCache struct {
	mu   sync.Mutex
	last []cachedBatch
}

type cachedBatch struct {
	feed   linkage.FeedID
	number uint64
	digest [32]byte
	data   []byte
}

const (
	maxCachedBatches = 8
	maxCachedBytes   = 2 * linkage.MaxBatch
)

func (c *batchCache) get(feed linkage.FeedID, number uint64) (b cachedBatch, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.last {
		if b.feed == feed && b.number == number {
			return b, true
		}
	}
	return b, false
}

// forget drops the batches of a feed that has ended.
func (c *batchCache) forget(feed linkage.FeedID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = slices.DeleteFunc(c.last, func(b cachedBatch) bool { return b.feed == feed })
}

func (c *batchCache) put(b cachedBatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = append(c.last, b)
	size := 0
	for i := len(c.last) - 1; i >= 0; i-- {
		if size += len(c.last[i].data); size > maxCachedBytes || len(c.last)-i > maxCachedBatches {
			c.last = append([]cachedBatch(nil), c.last[i+1:]...)
			return
		}
	}
}
