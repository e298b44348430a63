package emulator

import (
	"context"
	"sync"
	"time"
)

// A queue runs the background work of one server or volume, one piece after the other, so that a stop never
// overtakes a start. Its goroutine ends when nothing is left to do.
type queue struct {
	jobs   []job
	cancel context.CancelFunc // of the running job
}

type job func(ctx context.Context)

type queueSet struct {
	mu   sync.Mutex
	byID map[string]*queue
}

// enqueue runs j after the work that was already asked for id. With preempt, work that is under way or waits is
// given up first: a deletion does not wait for a build.
func (s *Server) enqueue(id string, preempt bool, j job) {
	s.queues.mu.Lock()
	defer s.queues.mu.Unlock()
	q, running := s.queues.byID[id]
	if !running {
		q = &queue{}
		s.queues.byID[id] = q
	}
	if preempt {
		q.jobs = nil
		if q.cancel != nil {
			q.cancel()
		}
	}
	q.jobs = append(q.jobs, j)
	if !running {
		s.work.Add(1)
		go s.drain(id, q)
	}
}

func (s *Server) drain(id string, q *queue) {
	defer s.work.Done()
	for {
		s.queues.mu.Lock()
		if len(q.jobs) == 0 || s.ctx.Err() != nil {
			delete(s.queues.byID, id)
			s.queues.mu.Unlock()
			return
		}
		j := q.jobs[0]
		q.jobs = q.jobs[1:]
		ctx, cancel := context.WithCancel(s.ctx)
		q.cancel = cancel
		s.queues.mu.Unlock()
		j(ctx)
		cancel()
	}
}

// wait sleeps for d of the cloud's clock; it reports false when the work was given up meanwhile.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	if d <= 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-s.opt.Clock.After(d):
		return true
	}
}
