package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// result is what -json prints.
type result struct {
	P50MS       float64        `json:"p50_ms"`
	P99MS       float64        `json:"p99_ms"`
	P999MS      float64        `json:"p999_ms"`
	RPS         float64        `json:"rps"`
	Decisions   int            `json:"decisions"`
	ByAction    map[string]int `json:"by_action"`
	Matched     int            `json:"matched"`
	Pending     int            `json:"pending"`
	Store       string         `json:"store"`
	Evaluations uint64         `json:"evaluations"`
	Errors      int            `json:"errors"`
	Followers   int            `json:"followers,omitempty"`
	RSSMB       float64        `json:"rss_mb,omitempty"` // of this process, both services and the load
}

func (r *result) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d sign-ups decided at %.0f a second on %s, %d errors, %d pending\np50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms\n%d matched; actions %v; %d identifiers evaluated\n",
		r.Decisions, r.RPS, r.Store, r.Errors, r.Pending, r.P50MS, r.P99MS, r.P999MS, r.Matched, r.ByAction, r.Evaluations)
	return err
}

// flaggedShare is one in how many sign-ups is by somebody whom the transmitter has flagged.
const flaggedShare = 10

// drive signs people up, each at its due time, whether or not those before have been answered:
// latency is from then on, so that a stall shows in all who come during it.
func (s *services) drive(ctx context.Context, o *options) *result {
	r := &result{ByAction: map[string]int{}, Store: s.storeKind}
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}, Timeout: patience}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var took []time.Duration
	draw := rand.New(rand.NewPCG(o.seed, 2))
	run := time.Now().Unix() // so that nobody signs up twice in a store that is kept
	warm := min(50, o.load)
	begin := time.Now().Add(200 * time.Millisecond)
	for i := range o.load {
		due := begin.Add(time.Duration(float64(i) / o.rps * float64(time.Second)))
		who := firstNew + (int(run)*1009+i)%maxLoad
		if o.flagged > 0 && draw.IntN(flaggedShare) == 0 {
			who = draw.IntN(o.flagged)
		}
		in := signup{Account: fmt.Sprintf("new-%x-%d", run, i), Phone: phone(who), Region: "FR", DeviceKind: "install_id", Device: s.w.device(who),
			Since: begin.AddDate(-1, 0, 0)}
		if wait := time.Until(due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			out, err := post(ctx, client, s.address, in)
			d := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if i >= warm || o.load <= 2*warm {
				took = append(took, d) // the first ones open connections
			}
			if err != nil {
				r.Errors++
				s.log.WarnContext(ctx, "not signed up", "error", err.Error())
				return
			}
			r.Decisions++
			r.ByAction[out.Action]++
		})
	}
	wg.Wait()
	// No answer tells these: the service has counted them.
	r.Matched, r.Pending = int(s.matched.Load()), int(s.pending.Load())
	if o.load > 0 {
		r.RPS = float64(r.Decisions) / time.Since(begin).Seconds()
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		if len(took) == 0 {
			return 0
		}
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	r.P50MS, r.P99MS, r.P999MS = at(0.5), at(0.99), at(0.999)
	r.Evaluations = s.evaluations(ctx)
	return r
}

func post(ctx context.Context, client *http.Client, address string, in signup) (out outcome, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/signup", bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, resp.Body)
		return out, errors.New("not answered")
	}
	return out, json.NewDecoder(resp.Body).Decode(&out)
}

// evaluations reads from the session records, which both sides sign, how many identifiers the
// receiver has asked about since the beginning of the agreement.
func (s *services) evaluations(ctx context.Context) uint64 {
	var records bytes.Buffer
	if s.transmitter.CloseRecord(ctx) != nil || s.transmitter.Records(ctx, &records) != nil {
		return 0
	}
	var last linkage.SessionRecord
	for dec := json.NewDecoder(&records); ; {
		if err := dec.Decode(&last); err != nil {
			return last.Evaluated
		}
	}
}
