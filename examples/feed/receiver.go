package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// receiver is the service that wants to know.
type receiver struct {
	*world
	clock   setClock
	store   abuse.Store
	partner partner
	decider *watch.Decider
	watch   *watch.Receiver
	inbox   *inbox
	people  []linkage.Account // read ahead for a base
}

// partner is the transmitter, wherever it listens now.
type partner struct {
	watch.Partner
	address string
	client  *watch.Client
	bytes   atomic.Int64 // of batches
}

func (p *partner) Batch(ctx context.Context, feed linkage.FeedID, number uint64, fresh bool) ([]byte, error) {
	data, err := p.Partner.Batch(ctx, feed, number, fresh)
	p.bytes.Add(int64(len(data)))
	return data, err
}

// nobody is the partner before its address is known.
type nobody struct{ watch.Partner }

func (nobody) Opening(context.Context, uint32) ([]byte, error) { return nil, watch.ErrPartnerDown }

// accounts is the receiver's own table.
type accounts struct{}

func (accounts) Identifiers(ctx context.Context, account string) ([]hashing.Identifier, error) {
	return identifiers(ctx, account)
}

func (accounts) Holdings(context.Context, string) ([]abuse.Holding, error) {
	return []abuse.Holding{{Kind: hashing.Phone, Since: start.AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}, nil
}

func newReceiver(ctx context.Context, w *world, o *options, store abuse.Store) (service, error) {
	vault, err := w.vault(filepath.Join(o.dir, "vault-receiver"), roleReceiver)
	if err != nil {
		return nil, err
	}
	r := &receiver{world: w, store: store}
	r.partner.Partner = nobody{}
	r.clock.at.Store(o.at)
	if r.inbox, err = openInbox(filepath.Join(o.dir, "events.jsonl")); err != nil {
		return nil, err
	}
	policy := abuse.DefaultPolicy(receiverName, abuse.Live)
	if r.decider, err = watch.NewDecider(watch.DeciderConfig{
		Store: store, Accounts: accounts{}, Clock: r.clock.now, Deliver: r.inbox.deliver,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) },
	}); err != nil {
		return nil, err
	}
	r.watch, err = watch.NewReceiver(ctx, watch.ReceiverConfig{
		Agreement: w.agreement, Signer: w.receiver, Store: store, Vault: vault, Partner: &r.partner, Decider: r.decider,
		Accounts: accounts{}, WhenDown: watch.FailOpen, CheckTimeout: 10 * time.Second, Clock: r.clock.now,
	})
	return r, err
}

// reach makes the client for the address at which the transmitter is now.
func (r *receiver) reach(address string) error {
	if address == "" || address == r.partner.address {
		return nil
	}
	cert, err := certificate(r.world.receiver)
	if err != nil {
		return err
	}
	client, err := watch.NewClient(watch.ClientConfig{URL: address, Agreement: r.agreement, Certificate: cert})
	if err != nil {
		return err
	}
	if r.partner.client != nil {
		r.partner.client.Close()
	}
	r.partner.Partner, r.partner.client, r.partner.address = client, client, address
	return nil
}

func (r *receiver) do(ctx context.Context, req request) (out reply, err error) {
	r.clock.at.Store(req.At)
	if err := r.reach(req.Address); err != nil {
		return reply{}, err
	}
	switch req.Op {
	case "people": // reading is not part of what a base costs
		r.people = r.people[:0]
		for n := req.First; n < req.First+req.Count; n++ {
			id, err := phone(n)
			if err != nil {
				return reply{}, err
			}
			r.people = append(r.people, linkage.Account{Ref: receiverAccount(n), Identifiers: []hashing.Identifier{id}})
		}
	case "base":
		_, err = r.watch.EnrolBase(ctx, req.Epoch, linkage.Slice(r.people))
		r.people = nil
		debug.FreeOSMemory() // now, and not bit by bit in the days after
	case "check":
		for n := req.First; n < req.First+req.Count && err == nil; n++ {
			var id hashing.Identifier
			if id, err = phone(n); err == nil {
				_, err = r.watch.Check(ctx, receiverAccount(n), []hashing.Identifier{id})
			}
		}
	case "follow":
		err = r.watch.Follow(ctx)
	case "recheck":
		_, err = r.watch.Recheck(ctx)
	case "decide":
		_, err = r.decider.Step(ctx)
	case "status":
		return r.status(ctx)
	case "cosign":
		err = r.watch.Cosign(ctx)
	default:
		err = fmt.Errorf("no such command for a receiver: %s", req.Op)
	}
	out.Bytes = r.partner.bytes.Load()
	return out, err
}

func (r *receiver) status(ctx context.Context) (reply, error) {
	s, err := r.watch.Status(ctx)
	if err != nil {
		return reply{}, err
	}
	out := r.inbox.sum()
	out.Due, out.Epoch, out.Feeds, out.Rechecks = s.Due, s.DueEpoch, len(s.Feeds), s.Rechecks
	if len(s.Feeds) > 0 {
		out.Position = s.Feeds[0].Batch
	}
	out.Bytes = r.partner.bytes.Load()
	for account, decisions := range r.inbox.decided() {
		all, err := r.decider.Decisions(ctx, account, 100_000)
		if err != nil {
			return reply{}, err
		}
		if len(all) != decisions {
			out.Violations++ // decided on something twice, or lost what was decided
		}
	}
	return out, nil
}

func (r *receiver) close(context.Context) error {
	if r.partner.client != nil {
		r.partner.client.Close()
	}
	return errors.Join(r.inbox.close(), r.store.Close())
}
