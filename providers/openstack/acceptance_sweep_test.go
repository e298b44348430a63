//go:build acceptance

package openstack

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/providers/providertest"
)

// sweep deletes what bears the contract's marks, and its container: nothing else of the project.
func (s *site) sweep(t *testing.T) {
	t.Helper()
	s.tap.reset()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	defer cancel()
	for _, clear := range []func(context.Context) error{s.sweepServers, s.sweepVolumes, s.sweepPorts, s.sweepGroups, s.sweepServerGroups, s.sweepContainer} {
		if err := clear(ctx); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	}
}

func ours(m providers.Mark) bool { return m.Lineage == providertest.Lineage }

// forAll does something to all objects that are ours, at once.
func forAll[T any](ctx context.Context, list func(context.Context) ([]T, error), mark func(T) providers.Mark, act func(T) error) error {
	all, err := list(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(all))
	var done sync.WaitGroup
	for i, object := range all {
		if ours(mark(object)) {
			done.Go(func() { errs[i] = act(object) })
		}
	}
	done.Wait()
	return errors.Join(errs...)
}

func (s *site) sweepServers(ctx context.Context) error {
	return forAll(ctx, s.cloud.Servers.List, func(o providers.Server) providers.Mark { return o.Mark }, func(o providers.Server) error {
		if err := s.cloud.Servers.Delete(ctx, o.ID); err != nil {
			return err
		}
		_, err := s.cloud.ServerWaits.Wait(ctx, o.ID, func(_ providers.Server, present bool) (bool, error) { return !present, nil })
		return err
	})
}

func (s *site) sweepVolumes(ctx context.Context) error {
	free := []string{"available", "error", "error_extending"}
	return forAll(ctx, s.cloud.Volumes.List, func(o providers.Volume) providers.Mark { return o.Mark }, func(o providers.Volume) error {
		settled := func(v providers.Volume, present bool) (bool, error) {
			return !present || slices.Contains(free, v.Status), nil
		}
		if _, err := s.cloud.VolumeWaits.Wait(ctx, o.ID, settled); err != nil {
			return err
		}
		if err := s.cloud.Volumes.Delete(ctx, o.ID); err != nil {
			return err
		}
		_, err := s.cloud.VolumeWaits.Wait(ctx, o.ID, func(_ providers.Volume, present bool) (bool, error) { return !present, nil })
		return err
	})
}

func (s *site) sweepPorts(ctx context.Context) error {
	return forAll(ctx, s.cloud.Ports.List, func(o providers.Port) providers.Mark { return o.Mark },
		func(o providers.Port) error { return s.cloud.Ports.Delete(ctx, o.ID) })
}

func (s *site) sweepGroups(ctx context.Context) error {
	return forAll(ctx, s.cloud.SecurityGroups.List, func(o providers.SecurityGroup) providers.Mark { return o.Mark },
		func(o providers.SecurityGroup) error { return s.cloud.SecurityGroups.Delete(ctx, o.ID) })
}

func (s *site) sweepServerGroups(ctx context.Context) error {
	return forAll(ctx, s.cloud.ServerGroups.List, func(o providers.ServerGroup) providers.Mark { return o.Mark },
		func(o providers.ServerGroup) error { return s.cloud.ServerGroups.Delete(ctx, o.ID) })
}

// sweepContainer empties and removes the contract's container. Where Swift's listing lags behind it is asked again.
func (s *site) sweepContainer(ctx context.Context) error {
	if s.swift == nil {
		return nil
	}
	for {
		names, err := s.swift.List(ctx, providertest.Container, "")
		if providers.IsKind(err, providers.KindNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := s.swift.Delete(ctx, providertest.Container, name); err != nil {
				return err
			}
		}
		_, _, err = s.swift.raw(ctx, swiftRequest{call: "delete container", method: http.MethodDelete, path: url.PathEscape(providertest.Container)})
		if err == nil || !providers.IsKind(err, providers.KindConflict) {
			return err
		}
	}
}

// wantEmpty fails the test where the project holds anything but its default security group.
func (s *site) wantEmpty(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	servers, err := s.cloud.Servers.List(ctx)
	volumes, volumesErr := s.cloud.Volumes.List(ctx)
	ports, portsErr := s.cloud.Ports.List(ctx)
	groups, groupsErr := s.cloud.SecurityGroups.List(ctx)
	apart, apartErr := s.cloud.ServerGroups.List(ctx)
	if err := errors.Join(err, volumesErr, portsErr, groupsErr, apartErr); err != nil {
		t.Fatal(err)
	}
	groups = slices.DeleteFunc(groups, func(g providers.SecurityGroup) bool { return g.Name == "default" })
	if len(servers)+len(volumes)+len(ports)+len(groups)+len(apart) > 0 {
		t.Fatalf("the project is not empty: servers %+v, volumes %+v, ports %+v, security groups %+v, server groups %+v", servers, volumes, ports, groups, apart)
	}
}
