package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/executor/journaled"
	"github.com/trovectl/trovectl/planner/plan"
	"github.com/trovectl/trovectl/providers"
	"github.com/trovectl/trovectl/state"
)

// ImageFile is an image on this machine, with what is asked for in the cloud: all but the mark.
type ImageFile struct {
	Spec providers.ImageSpec
	Data io.ReadSeekCloser
	Size int64 // bytes
}

// datastore has no object in the cloud but the images that it was given as files. Those outlive it: instances of others
// may use them. A member stands for it only while one is uploaded, so that the upload has its place in the journal.
func (a *act) datastore(ctx context.Context) error {
	record, _ := a.journal.Record(a.step.Address)
	if a.step.Action == plan.Delete {
		return a.journal.Commit(ctx, state.Batch{
			DropRecords: []resource.Address{a.step.Address}, DropMembers: members(record), End: a.uploading(record),
		})
	}
	body, _ := a.step.After.Body.(*resource.Datastore)
	computed := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(body.Versions)) {
		v := body.Versions[name]
		if v.ImageSHA256 == "" {
			continue
		}
		id, err := a.provideImage(ctx, name, v)
		if err != nil {
			return fmt.Errorf("the image of version %s: %w", name, err)
		}
		computed["image_id "+name] = id
	}
	record, _ = a.journal.Record(a.step.Address)
	ready := a.putRecord("", body)
	ready.Computed = computed
	return a.journal.Commit(ctx, state.Batch{PutRecords: []state.Record{ready}, DropMembers: members(record), End: a.uploading(record)})
}

// members is the member of a record, as a list.
func members(record state.Record) []state.MemberID {
	if record.Member == "" {
		return nil
	}
	return []state.MemberID{record.Member}
}

// uploading are the uploads that are not ended.
func (a *act) uploading(record state.Record) []state.IntentID {
	return a.journal.Hands(record.Member, a.step.Address).Leftovers()
}

// provideImage gives the id of the image of a version: one that is there, or one that it uploads.
func (a *act) provideImage(ctx context.Context, version string, v resource.DatastoreVersion) (string, error) {
	id, err := a.imageWith(ctx, v.ImageSHA256)
	if err != nil || id != "" {
		return id, err
	}
	file, err := a.Images(v.ImageFile)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Data.Close() }() // only read
	if got := file.Spec.Properties[providers.ImageDigest]; got != v.ImageSHA256 {
		return "", fmt.Errorf("%s is not what was planned: its sha256 is %s, not %s", v.ImageFile, got, v.ImageSHA256)
	}
	hands, err := a.uploader(ctx)
	if err != nil {
		return "", err
	}
	a.progress("uploading %s (%d MiB)", v.ImageFile, file.Size>>20)
	err = hands.Call(ctx, journaled.Request{
		Slot: "upload_image/" + version, Asked: v.ImageSHA256,
		Do: func(ctx context.Context, intent string) error {
			spec := file.Spec
			spec.Mark = hands.Mark(state.IntentID(intent))
			made, _, err := providers.PutImage(ctx, a.Cloud.Images, spec, file.Data, file.Size)
			id = made.ID
			return err
		},
	})
	return id, err
}

// uploader are hands for the datastore, whose record and member are there before anything is asked for.
func (a *act) uploader(ctx context.Context) (*journaled.Hands, error) {
	record, known := a.journal.Record(a.step.Address)
	if record.Member != "" {
		return a.journal.Hands(record.Member, a.step.Address), nil
	}
	if !known {
		record = a.putRecord("", a.step.After.Body)
		record.Status = state.Creating
	}
	member := state.Member{ID: a.IDs.Member()}
	record.Member = member.ID
	batch := state.Batch{PutMembers: []state.Member{member}, PutRecords: []state.Record{record}}
	return a.journal.Hands(member.ID, a.step.Address), a.journal.Commit(ctx, batch)
}

// imageWith finds the image with a digest; "" where there is none.
func (r *run) imageWith(ctx context.Context, digest string) (string, error) {
	if r.Cloud.Images == nil {
		return "", errors.New("the cloud has no image service")
	}
	all, err := r.Cloud.Images.List(ctx)
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(i providers.Image) bool { return r.Cloud.ProviderOf(i.ID) != "" })
	found, _ := providers.ImageWithDigest(all, digest)
	return found.ID, nil
}

// imageID is the image of a new server: the one that was resolved, or the one that the datastore's step uploaded.
func (i *instanceAct) imageID(ctx context.Context) (string, error) {
	digest, uploaded := strings.CutPrefix(i.step.Resolved["image"], plan.UploadedImage)
	if !uploaded {
		return i.step.Resolved["image"], nil
	}
	id, err := i.imageWith(ctx, digest)
	if err == nil && id == "" {
		err = fmt.Errorf("the cloud has no image with the sha256 %s: plan again, and the datastore's step uploads it", digest)
	}
	return id, err
}
