# SPDX-License-Identifier: Apache-2.0
"""Code that runs on the far side of the wall: standard library only, nothing of the project."""
