package oprf_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	circl "github.com/cloudflare/circl/oprf"

	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// The benchmarks set this package beside circl in the same run, with ModePOPRF and
// proof, in batches of one and of a thousand; us/elem is what to compare.

var batchSizes = []int{1, 1000}

var benchInfo = []byte("benchmark of the pseudorandom function")

func benchInputs(n int) [][]byte {
	in := make([][]byte, n)
	for i := range in {
		in[i] = binary.BigEndian.AppendUint64([]byte("identifier"), uint64(i))
	}
	return in
}

// each runs f and reports microseconds an element.
func each(b *testing.B, name string, n int, f func(b *testing.B)) {
	b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f(b)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/elem")
		b.ReportMetric(0, "ns/op")
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type pairOfSides struct {
	server      *oprf.Server
	plain, base *oprf.Client
	circlServer circl.PartialObliviousServer
	circlClient circl.PartialObliviousClient
}

func newPair(b *testing.B) pairOfSides {
	b.Helper()
	key := must(oprf.DeriveKey(oprf.ModePOPRF, [32]byte{1}, nil))
	server := must(oprf.NewServer(oprf.ModePOPRF, key, benchInfo))
	plain := must(oprf.NewClient(oprf.ModePOPRF, key.Public(), benchInfo))
	base, proof, err := server.Base(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	other := must(circl.DeriveKey(circl.SuiteRistretto255, circl.PartialObliviousMode, make([]byte, 32), nil))
	return pairOfSides{
		server, plain, must(plain.WithBase(base, proof)),
		circl.NewPartialObliviousServer(circl.SuiteRistretto255, other),
		circl.NewPartialObliviousClient(circl.SuiteRistretto255, other.Public()),
	}
}

func BenchmarkBlind(b *testing.B) {
	p := newPair(b)
	for _, n := range batchSizes {
		in := benchInputs(n)
		each(b, "ours", n, func(*testing.B) { must(p.plain.Blind(rand.Reader, in)) })
		each(b, "base", n, func(*testing.B) { must(p.base.Blind(rand.Reader, in)) })
		each(b, "circl", n, func(b *testing.B) {
			if _, _, err := p.circlClient.Blind(in); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p := newPair(b)
	for _, n := range batchSizes {
		in := benchInputs(n)
		request := must(p.plain.Blind(rand.Reader, in)).Request()
		_, circlRequest, err := p.circlClient.Blind(in)
		if err != nil {
			b.Fatal(err)
		}
		each(b, "ours", n, func(b *testing.B) {
			if _, _, err := p.server.BlindEvaluate(rand.Reader, request); err != nil {
				b.Fatal(err)
			}
		})
		each(b, "circl", n, func(*testing.B) { must(p.circlServer.Evaluate(circlRequest, benchInfo)) })
	}
}

func BenchmarkFinalize(b *testing.B) {
	p := newPair(b)
	for _, n := range batchSizes {
		in := benchInputs(n)
		// A batch is good for one Finalize, so its blinding lies inside the loop, out of the clock.
		ours := func(c *oprf.Client) func(b *testing.B) {
			return func(b *testing.B) {
				b.StopTimer()
				batch := must(c.Blind(rand.Reader, in))
				evaluated, proof, err := p.server.BlindEvaluate(rand.Reader, batch.Request())
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				must(c.Finalize(batch, evaluated, proof))
			}
		}
		each(b, "ours", n, ours(p.plain))
		each(b, "base", n, ours(p.base))
		data, request, err := p.circlClient.Blind(in)
		if err != nil {
			b.Fatal(err)
		}
		answer := must(p.circlServer.Evaluate(request, benchInfo))
		each(b, "circl", n, func(*testing.B) { must(p.circlClient.Finalize(data, answer, benchInfo)) })
	}
}

func BenchmarkServerEvaluate(b *testing.B) {
	p := newPair(b)
	in := benchInputs(1)[0]
	each(b, "ours", 1, func(*testing.B) { must(p.server.Evaluate(in)) })
	each(b, "circl", 1, func(*testing.B) { must(p.circlServer.FullEvaluate(in, benchInfo)) })
}

func BenchmarkWithBase(b *testing.B) {
	p := newPair(b)
	base, proof, err := p.server.Base(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	each(b, "ours", 1, func(*testing.B) { must(p.plain.WithBase(base, proof)) })
}

// BenchmarkRatio takes turns between this package and circl within each round, and
// reports the least time of each role over the rounds as a part of circl's, for
// batches of a thousand: on a machine with other work this is what to look at.
func BenchmarkRatio(b *testing.B) {
	p := newPair(b)
	in := benchInputs(1000)
	least := map[string]time.Duration{}
	clock := func(role string, f func()) {
		start := time.Now()
		f()
		if d := time.Since(start); least[role] == 0 || d < least[role] {
			least[role] = d
		}
	}
	var err error
	for b.Loop() {
		var data *circl.FinalizeData
		var request *circl.EvaluationRequest
		var answer *circl.Evaluation
		clock("circl blind", func() { data, request, err = p.circlClient.Blind(in) })
		clock("circl evaluate", func() { answer = must(p.circlServer.Evaluate(request, benchInfo)) })
		clock("circl finalize", func() { must(p.circlClient.Finalize(data, answer, benchInfo)) })
		for name, c := range map[string]*oprf.Client{"plain": p.plain, "base": p.base} {
			var batch *oprf.Blinded
			var evaluated, proof []byte
			clock(name+" blind", func() { batch = must(c.Blind(rand.Reader, in)) })
			clock(name+" evaluate", func() { evaluated, proof, err = p.server.BlindEvaluate(rand.Reader, batch.Request()) })
			clock(name+" finalize", func() { must(c.Finalize(batch, evaluated, proof)) })
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	receiver := func(who string) float64 { return float64(least[who+" blind"] + least[who+" finalize"]) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(least["base evaluate"])/float64(least["circl evaluate"]), "transmitter/circl")
	b.ReportMetric(receiver("plain")/receiver("circl"), "receiver/circl")
	b.ReportMetric(receiver("base")/receiver("circl"), "receiver-with-base/circl")
	b.ReportMetric(float64(least["base evaluate"].Microseconds())/1000, "transmitter-us/elem")
	b.ReportMetric(receiver("plain")/1e6, "receiver-us/elem")
	b.ReportMetric(receiver("base")/1e6, "receiver-with-base-us/elem")
}
