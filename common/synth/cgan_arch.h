/* The architectures of the conditional GANs, as data. Threads: no state. */
#ifndef CN_CGAN_ARCH_H
#define CN_CGAN_ARCH_H

#include "common/nn/arch.h"

enum { CN_CGAN_IMAGE_LATENT = 100, CN_CGAN_RESIDUAL_LATENT = 64 };

/* The article's generator, noise (100) x label embedding -> dim pixels in [-1, 1], and its
   discriminator, pixels x label embedding -> one logit. */
struct cn_arch cn_cgan_arch_image_generator(uint32_t dim);
struct cn_arch cn_cgan_arch_image_discriminator(uint32_t dim);
/* In feature space: latent (64) x label embedding -> dim residuals in (-1, 1) standard deviations;
   dim standardized features -> one logit. */
struct cn_arch cn_cgan_arch_residual_generator(uint32_t dim);
struct cn_arch cn_cgan_arch_residual_discriminator(uint32_t dim);

#endif
