# SPDX-License-Identifier: Apache-2.0
"""What the paper's bill holds and leaves out, and what a measured speed means for it."""
