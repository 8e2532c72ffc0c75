"""Print a config as it will be used: inherited files merged, overrides applied.

python tools/print_config.py configs/config_experiment_1.py --cfg-options train_dataloader.batch_size=4
"""

from __future__ import annotations

from segloop.utils.cli import Parser, run


def main() -> int:
    """Print or save the merged config."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--cfg-options", "--options", nargs="+", default=[], metavar="KEY=VALUE", help="override values"
    )
    parser.add_argument(
        "--save-path", metavar="FILE", help="write to a .py, .json or .yaml file instead of printing"
    )
    args = parser.parse_args()
    from segloop.experiments.config import load_config, save_config

    config = load_config(args.config, overrides=args.cfg_options)
    if args.save_path:
        save_config(config, args.save_path)
    else:
        print(config.pretty_text, end="")
    return 0


if __name__ == "__main__":
    run(main)
