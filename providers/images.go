package providers

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
)

// ImageWithDigest finds the newest image that servers can be made from and whose file has a digest.
func ImageWithDigest(all []Image, digest string) (Image, bool) {
	var found []Image
	for _, i := range all {
		if i.Status == ImageActive && digest != "" && i.Properties[ImageDigest] == digest {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return Image{}, false
	}
	return slices.MaxFunc(found, func(a, b Image) int { return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID)) }), true
}

// PutImage gives the image with the digest that spec's properties name. One that is there is taken as it is, with existing.
// One that an interrupted upload of the same lineage left without data gets it; else one is made. What began under the very
// mark of spec and is neither queued nor active is of a run that is dead, and is deleted.
func PutImage(ctx context.Context, images Images, spec ImageSpec, data io.ReadSeeker, size int64) (made Image, existing bool, err error) {
	digest := spec.Properties[ImageDigest]
	all, err := images.List(ctx)
	if err != nil {
		return Image{}, false, err
	}
	if found, ok := ImageWithDigest(all, digest); ok {
		return found, true, nil
	}
	for _, i := range all {
		switch {
		case i.Status == "queued" && i.Mark.Lineage == spec.Mark.Lineage && i.Properties[ImageDigest] == digest:
			made = i
		case i.Mark == spec.Mark && i.Status != ImageActive:
			if err := images.Delete(ctx, i.ID); err != nil {
				return Image{}, false, fmt.Errorf("deleting what an earlier run left: %w", err)
			}
		}
	}
	if made.ID == "" {
		if made, err = images.Create(ctx, spec); err != nil {
			return Image{}, false, err
		}
	}
	made, err = images.Upload(ctx, made.ID, data, size)
	return made, false, err
}
